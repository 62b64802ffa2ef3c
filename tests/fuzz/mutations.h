// Changes of JSON texts and safetensors files that most times leave them well-formed: what is wrong afterwards is
// what they say.
#pragma once

#include <string>
#include <string_view>

#include "fuzz/chance.h"
#include "io/json_value.h"

namespace quench::fuzz {

/// The value in the shortest form.
std::string json_text(const io::JsonValue& value);

/// Changes a value somewhere in the document. A text that is not JSON is changed by bytes, or gives way to `valid`.
void mutate_json(std::string& text, std::string_view valid, Chance& chance);

/// Changes the header, a tensor or the data; now and then only one of what must agree. A file that has no header
/// gives way to `valid` some times.
void mutate_safetensors(std::string& file, std::string_view valid, Chance& chance);

/// Changes numbers among the data of a file whose header is right, and nothing else, which takes no time.
void mutate_data(std::string& file, Chance& chance);

}  // namespace quench::fuzz

#include "io/growing_file.h"

#include <utility>

#include "quench/error.h"

namespace quench::io {

GrowingFile::GrowingFile(Files& files, std::filesystem::path file, std::string_view beginning)
    : files_(files), file_(std::move(file)) {
  if (const std::error_code error = files_.create(file_, beginning)) {
    throw Error(file_.string() + " cannot be written: " + error.message());
  }
  written_ = beginning.size();
}

void GrowingFile::rename(const std::filesystem::path& file) {
  if (const std::error_code error = files_.rename(file_, file)) {
    throw Error(file.string() + " cannot be replaced: " + error.message());
  }
  file_ = file;
}

std::error_code GrowingFile::add(std::string piece) {
  pending_.push_back(std::move(piece));
  return flush();
}

std::error_code GrowingFile::flush() {
  while (!pending_.empty()) {
    if (const std::error_code error = write(pending_.front())) return error;
    pending_.pop_front();
  }
  return {};
}

std::error_code GrowingFile::write(std::string_view piece) {
  const auto cut = [&] {
    const std::error_code error = files_.cut(file_, written_ + torn_, written_);
    if (!error) torn_ = 0;
    return error;
  };
  if (torn_ > 0) {
    if (const std::error_code error = cut()) return error;
  }
  const Written added = files_.append(file_, written_, piece);
  if (!added.error) {
    written_ += piece.size();
    return {};
  }
  torn_ = added.bytes;
  if (torn_ > 0) cut();
  return added.error;
}

}  // namespace quench::io

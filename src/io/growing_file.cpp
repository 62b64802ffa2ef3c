#include "io/growing_file.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

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

void GrowingFile::archive(Archive& archive) {
  auto written = static_cast<std::int64_t>(written_);
  std::vector<std::int64_t> lengths;
  std::string pending;
  for (const std::string& piece : pending_) {
    lengths.push_back(static_cast<std::int64_t>(piece.size()));
    pending += piece;
  }
  archive.count("written", written);
  archive.values("lengths", lengths);
  archive.value("pending", pending);
  if (!archive.reading()) return;
  written_ = static_cast<std::uint64_t>(written);
  torn_ = 0;
  pending_.clear();
  std::size_t at = 0;
  for (const std::int64_t length : lengths) {
    if (length < 0 || static_cast<std::uint64_t>(length) > pending.size() - at)
      throw Error(file_.string() + ": the archive lacks pieces that were pending");
    pending_.push_back(pending.substr(at, static_cast<std::size_t>(length)));
    at += static_cast<std::size_t>(length);
  }
  constexpr auto any_size = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (const std::error_code error = files_.cut(file_, any_size, written_)) {
    throw Error(file_.string() + " cannot be cut to the " + std::to_string(written_) +
                " bytes that it had at the checkpoint: " + error.message());
  }
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

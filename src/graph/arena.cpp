#include "graph/arena.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "quench/error.h"

namespace quench {

namespace {

// The free pieces of a block that grows at its end, found by size and by place.
class FreeList {
 public:
  std::size_t size() const { return size_; }

  std::size_t allocate(std::size_t bytes) {
    const auto fit = by_size_.lower_bound({bytes, 0});
    if (fit != by_size_.end()) {
      const auto [piece, offset] = *fit;
      remove(offset, piece);
      if (piece > bytes) insert(offset + bytes, piece - bytes);
      return offset;
    }
    // Nothing is large enough: grow the piece at the end, if there is one, or the block.
    std::size_t offset = size_;
    if (!by_offset_.empty()) {
      const auto [last, piece] = *by_offset_.rbegin();
      if (last + piece == size_) {
        remove(last, piece);
        offset = last;
      }
    }
    size_ = offset + bytes;
    return offset;
  }

  void release(std::size_t offset, std::size_t bytes) {
    const auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.begin()) {
      const auto [before, piece] = *std::prev(next);
      if (before + piece == offset) {
        remove(before, piece);
        offset = before;
        bytes += piece;
      }
    }
    if (const auto after = by_offset_.find(offset + bytes); after != by_offset_.end()) {
      const std::size_t piece = after->second;
      remove(after->first, piece);
      bytes += piece;
    }
    insert(offset, bytes);
  }

 private:
  void insert(std::size_t offset, std::size_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void remove(std::size_t offset, std::size_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }

  std::map<std::size_t, std::size_t> by_offset_;           // offset -> bytes
  std::set<std::pair<std::size_t, std::size_t>> by_size_;  // (bytes, offset)
  std::size_t size_ = 0;
};

std::size_t size_of(const Buffer& buffer) { return static_cast<std::size_t>(buffer.bytes); }

template <typename Key>
std::vector<std::size_t> order_by(const std::vector<Buffer>& buffers, Key key) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].*key < buffers[b].*key; });
  return order;
}

}  // namespace

std::size_t total_bytes(const std::vector<Buffer>& buffers, std::uint64_t most) {
  std::uint64_t total = 0;
  for (const Buffer& buffer : buffers) {
    total += buffer.bytes;
    if (total > most) {  // at once, so that no sum can wrap around
      throw Error("plan: at least " + std::to_string(total) + " bytes, expected at most the " +
                  std::to_string(most) + " that this machine can address");
    }
  }
  return static_cast<std::size_t>(total);
}

std::size_t place_buffers(std::vector<Buffer>& buffers, std::uint64_t most) {
  total_bytes(buffers, most);  // from here on all sizes fit in a size_t

  const std::vector<std::size_t> beginning = order_by(buffers, &Buffer::first);
  const std::vector<std::size_t> ending = order_by(buffers, &Buffer::last);
  std::vector<char> handed_over(buffers.size(), 0);
  FreeList block;
  auto ended = ending.begin();
  for (const std::size_t index : beginning) {
    Buffer& buffer = buffers[index];
    for (; ended != ending.end() && buffers[*ended].last < buffer.first; ++ended) {
      const Buffer& old = buffers[*ended];
      if (handed_over[*ended] == 0 && old.bytes > 0) block.release(old.offset, size_of(old));
    }
    if (buffer.takes_place_of != none) {
      buffer.offset = buffers[buffer.takes_place_of].offset;
      handed_over[buffer.takes_place_of] = 1;
    } else {
      buffer.offset = block.allocate(size_of(buffer));
    }
  }
  return block.size();
}

}  // namespace quench

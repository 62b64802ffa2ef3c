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

template <typename Key>
std::vector<std::size_t> order_by(const std::vector<Buffer>& buffers, Key key) {
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].*key < buffers[b].*key; });
  return order;
}

}  // namespace

std::size_t total_bytes(const std::vector<Buffer>& buffers) {
  // Half the address space, so that no sum below can wrap around.
  constexpr std::size_t limit = std::numeric_limits<std::size_t>::max() / 2;
  std::size_t total = 0;
  for (const Buffer& buffer : buffers) {
    if (buffer.bytes > limit - total) {
      throw Error("plan: more than " + std::to_string(limit) + " bytes, the most this machine can address");
    }
    total += buffer.bytes;
  }
  return total;
}

std::size_t place_buffers(std::vector<Buffer>& buffers) {
  total_bytes(buffers);  // throws when a size could overflow

  const std::vector<std::size_t> beginning = order_by(buffers, &Buffer::first);
  const std::vector<std::size_t> ending = order_by(buffers, &Buffer::last);
  std::vector<char> handed_over(buffers.size(), 0);
  FreeList block;
  auto ended = ending.begin();
  for (const std::size_t index : beginning) {
    Buffer& buffer = buffers[index];
    for (; ended != ending.end() && buffers[*ended].last < buffer.first; ++ended) {
      const Buffer& old = buffers[*ended];
      if (handed_over[*ended] == 0 && old.bytes > 0) block.release(old.offset, old.bytes);
    }
    if (buffer.takes_place_of != none) {
      buffer.offset = buffers[buffer.takes_place_of].offset;
      handed_over[buffer.takes_place_of] = 1;
    } else {
      buffer.offset = block.allocate(buffer.bytes);
    }
  }
  return block.size();
}

}  // namespace quench

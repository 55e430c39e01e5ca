#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wye::base {

using ByteView = std::span<const std::uint8_t>;  // never owns; valid as long as what it points to is unchanged
using Bytes = std::vector<std::uint8_t>;

inline ByteView bytes_of(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
inline std::string_view chars_of(ByteView b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }
inline void append(Bytes& to, ByteView from) { to.insert(to.end(), from.begin(), from.end()); }

/// A byte queue: appended at the back, consumed at the front. One owner, one thread.
/// Views from data() are valid until the next non-const call. Keeps no memory once it is empty and larger than `keep`.
class Buffer {
 public:
  ByteView data() const { return ByteView{x_.data() + head_, x_.size() - head_}; }
  std::uint8_t* mutable_data() { return x_.data() + head_; }
  std::size_t size() const { return x_.size() - head_; }
  bool empty() const { return size() == 0; }
  void append(ByteView b) {
    if (b.empty()) return;
    compact_if(b.size());
    x_.insert(x_.end(), b.begin(), b.end());
  }
  void push(std::uint8_t b) { append(ByteView{&b, 1}); }
  void consume(std::size_t n) {
    head_ += n;
    if (head_ >= x_.size()) clear();
  }
  void clear() {
    head_ = 0;
    if (x_.capacity() > keep) {
      Bytes{}.swap(x_);
    } else {
      x_.clear();
    }
  }
  static constexpr std::size_t keep = 16 * 1024;

 private:
  void compact_if(std::size_t more) {
    if (head_ > 0 && x_.size() + more > x_.capacity()) {
      x_.erase(x_.begin(), x_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }
  Bytes x_;
  std::size_t head_ = 0;
};

}  // namespace wye::base

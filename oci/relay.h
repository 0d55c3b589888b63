// Relay: bytes from one descriptor to another, through a buffer of fixed size.
#pragma once

#include <array>
#include <cstddef>

namespace bothy::oci {

// Nothing is read while the buffer is full. For one thread, with poll(2): turn() after each round.
class Relay {
 public:
  // Both stay open; `to` should not block.
  Relay(int from, int to) noexcept : from_(from), to_(to) {}

  // Whether to wait until `from` has bytes, and until `to` takes some.
  [[nodiscard]] bool wants_input() const noexcept { return !ended_ && end_ < buffer_.size(); }
  [[nodiscard]] bool wants_output() const noexcept { return start_ < end_; }
  // `from` is at its end and all is written, or `to` takes no more.
  [[nodiscard]] bool is_done() const noexcept { return ended_ && start_ == end_; }

  // Moves what there is and what is taken now; `readable`: read(2) doesn't wait.
  void turn(bool readable) noexcept;

 private:
  void read_some() noexcept;
  void write_some() noexcept;

  int from_;
  int to_;
  bool ended_ = false;
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  std::array<char, 16UL * 1024> buffer_;
};

}  // namespace bothy::oci

// Reader and Writer: the bytes of one request, in order, gathered from guest memory.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace bothy::virtio {

[[nodiscard]] inline std::uint64_t total_bytes(std::span<const iovec> buffers) noexcept {
  std::uint64_t bytes = 0;
  for (const iovec& buffer : buffers) {
    bytes += buffer.iov_len;
  }
  return bytes;
}

// A position in a list of buffers. The guest may change their content at any moment: a value is
// copied out once and then checked.
class BufferCursor {
 public:
  BufferCursor() noexcept = default;
  // No buffer is empty.
  explicit BufferCursor(std::span<const iovec> buffers) noexcept
      : BufferCursor(buffers, total_bytes(buffers)) {}
  // For callers that know the length already.
  BufferCursor(std::span<const iovec> buffers, std::uint64_t length) noexcept
      : buffers_(buffers), remaining_(length) {}

  [[nodiscard]] std::uint64_t remaining() const noexcept { return remaining_; }

  // The next contiguous bytes, at most `limit` of them; empty at the end. advance() moves past
  // them.
  [[nodiscard]] std::span<std::byte> front(std::uint64_t limit) const noexcept {
    if (remaining_ == 0) {
      return {};
    }
    const iovec& buffer = buffers_.front();
    const std::uint64_t length = std::min<std::uint64_t>(limit, buffer.iov_len - offset_);
    return {static_cast<std::byte*>(buffer.iov_base) + offset_, static_cast<std::size_t>(length)};
  }

  // `length` is at most what front() gave.
  void advance(std::size_t length) noexcept {
    offset_ += length;
    remaining_ -= length;
    while (!buffers_.empty() && offset_ == buffers_.front().iov_len) {
      buffers_ = buffers_.subspan(1);
      offset_ = 0;
    }
  }

 private:
  std::span<const iovec> buffers_;
  std::size_t offset_ = 0;
  std::uint64_t remaining_ = 0;
};

// The bytes that the driver has written for the device.
class Reader : public BufferCursor {
 public:
  using BufferCursor::BufferCursor;

  // Fills `to`; false, and nothing is read, when fewer bytes remain.
  [[nodiscard]] bool read_bytes(std::span<std::byte> to) noexcept {
    if (to.size() > remaining()) {
      return false;
    }
    while (!to.empty()) {
      const auto from = front(to.size());
      std::memcpy(to.data(), from.data(), from.size());
      to = to.subspan(from.size());
      advance(from.size());
    }
    // Keeps the compiler from reading the guest's memory again for the copied value.
    std::atomic_signal_fence(std::memory_order_acq_rel);
    return true;
  }

  template <class T>
  [[nodiscard]] std::optional<T> read() noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    if (!read_bytes(std::as_writable_bytes(std::span(&value, 1)))) {
      return std::nullopt;
    }
    return value;
  }
};

// The bytes that the device writes for the driver.
class Writer : public BufferCursor {
 public:
  using BufferCursor::BufferCursor;

  // Stores all of `from`; false, and nothing is written, when there is not enough room.
  [[nodiscard]] bool write_bytes(std::span<const std::byte> from) noexcept {
    if (from.size() > remaining()) {
      return false;
    }
    while (!from.empty()) {
      const auto to = front(from.size());
      std::memcpy(to.data(), from.data(), to.size());
      from = from.subspan(to.size());
      advance(to.size());
    }
    return true;
  }

  template <class T>
  [[nodiscard]] bool write(const T& value) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    return write_bytes(std::as_bytes(std::span(&value, 1)));
  }
};

}  // namespace bothy::virtio

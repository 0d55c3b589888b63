// BlockRequest: one request of a block device's driver (virtio 1.2, 5.2.6), parsed.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "devices/host/disk/io_engine.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

enum class BlockStatus : std::uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

// A slot that is used for one request after another, and the I/O operation that the request has in
// flight. Neither copied nor moved: engines keep its address.
class BlockRequest : public IoOperation {
 public:
  BlockRequest() = default;
  BlockRequest(const BlockRequest&) = delete;
  BlockRequest& operator=(const BlockRequest&) = delete;

  // Parses the chain, with any split into descriptors (2.7.4: no layout may be assumed). False when
  // the chain has no byte for the status; it is completed then.
  [[nodiscard]] bool take(Chain chain);

  // Nothing when the header is incomplete.
  [[nodiscard]] std::optional<std::uint32_t> type() const noexcept { return type_; }
  [[nodiscard]] std::uint64_t sector() const noexcept { return sector_; }

  // The data that isn't transferred yet: of the buffers behind the header when the device reads
  // them, of those before the status when it writes them.
  [[nodiscard]] std::span<const iovec> data() const noexcept { return data_; }
  [[nodiscard]] std::uint64_t remaining() const noexcept { return remaining_; }  // bytes
  // Bytes transferred.
  [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }
  // Counts the next bytes as transferred: at most remaining().
  void advance(std::uint64_t bytes);

  // Writes the status and completes the chain.
  void complete(BlockStatus status) noexcept;

  // For operations that don't use the driver's buffers.
  iovec own_buffer{};
  // The part of the present DISCARD or WRITE_ZEROES segment for which no operation was submitted
  // yet: bytes.
  std::uint64_t range_offset = 0;
  std::uint64_t range_left = 0;
  unsigned tries = 0;  // operations that ended with EAGAIN
  // Bytes from the operation's offset on that are still to be overwritten with zeros.
  std::uint64_t zeros_left = 0;

 private:
  // Sets data_ to the buffers without so many bytes at either end.
  void set_data(std::span<const iovec> whole, std::uint64_t front, std::uint64_t back);

  std::optional<Chain> chain_;
  std::optional<std::uint32_t> type_;
  bool device_writes_ = false;
  std::uint64_t sector_ = 0;
  std::uint64_t remaining_ = 0;
  std::uint64_t moved_ = 0;
  std::byte* status_ = nullptr;
  std::span<const iovec> data_;  // the chain's buffers, or own_buffers_
  std::vector<iovec> own_buffers_;
};

}  // namespace bothy::virtio

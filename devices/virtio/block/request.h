// BlockRequest: one request of a block device's driver, taken apart (virtio 1.2, 5.2.6).
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

// A slot for one request at a time, used again and again, and the operation that the request has
// under way. Neither copied nor moved: an engine knows it by its address.
class BlockRequest : public IoOperation {
 public:
  BlockRequest() = default;
  BlockRequest(const BlockRequest&) = delete;
  BlockRequest& operator=(const BlockRequest&) = delete;

  // Takes the chain apart, whatever its driver put where (2.7.4: no layout may be assumed). False,
  // and the chain completed, when it has no byte for the status: it can't be answered.
  [[nodiscard]] bool take(Chain chain);

  // Nothing without a whole header.
  [[nodiscard]] std::optional<std::uint32_t> type() const noexcept { return type_; }
  [[nodiscard]] std::uint64_t sector() const noexcept { return sector_; }

  // What isn't moved yet of the data: what follows the header when the device reads it, what
  // precedes the status when it writes it.
  [[nodiscard]] std::span<const iovec> data() const noexcept { return data_; }
  [[nodiscard]] std::uint64_t left() const noexcept { return left_; }
  // Bytes of it that were moved.
  [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }
  // Moves past the next bytes of the data, at most left().
  void advance(std::uint64_t bytes);

  // Gives the chain back.
  void complete(BlockStatus status) noexcept;

  // For buffers that aren't the driver's.
  iovec own_buffer{};
  // Of a DISCARD or WRITE_ZEROES, bytes: what no operation has begun yet of the present segment.
  std::uint64_t range_offset = 0;
  std::uint64_t range_left = 0;
  unsigned tries = 0;  // of operations that the host was too busy for
  // Bytes from the operation's offset on that are still to be filled with zeros, by writing them.
  std::uint64_t fill_left = 0;

 private:
  // Makes data_ the buffers without so many bytes at either end.
  void cut(std::span<const iovec> whole, std::uint64_t front, std::uint64_t back);

  std::optional<Chain> chain_;
  std::optional<std::uint32_t> type_;
  bool device_writes_ = false;
  std::uint64_t sector_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t moved_ = 0;
  std::byte* status_ = nullptr;
  std::span<const iovec> data_;  // of the chain, or of own_
  std::vector<iovec> own_;
};

}  // namespace bothy::virtio

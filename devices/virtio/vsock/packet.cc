#include "devices/virtio/vsock/packet.h"

#include <algorithm>

#include "devices/virtio/queue/buffers.h"

namespace bothy::virtio {

BufferList part_of(std::span<const iovec> buffers, std::uint64_t skip, std::uint64_t max) {
  BufferList part;
  for (const iovec& buffer : buffers) {
    const std::uint64_t skipped = std::min<std::uint64_t>(skip, buffer.iov_len);
    const std::uint64_t length = std::min<std::uint64_t>(max, buffer.iov_len - skipped);
    if (length > 0) {
      part.push_back(
          {static_cast<std::byte*>(buffer.iov_base) + skipped, static_cast<std::size_t>(length)});
    }
    skip -= skipped;
    max -= length;
  }
  return part;
}

std::optional<VsockHeader> read_vsock_header(std::span<const iovec> buffers) noexcept {
  VsockHeader header;
  const auto bytes = std::as_writable_bytes(std::span(&header, 1)).first(kVsockHeaderSize);
  return Reader(buffers).read_bytes(bytes) ? std::optional(header) : std::nullopt;
}

void write_vsock_header(std::span<const iovec> buffers, const VsockHeader& header) noexcept {
  const auto bytes = std::as_bytes(std::span(&header, 1)).first(kVsockHeaderSize);
  static_cast<void>(Writer(buffers).write_bytes(bytes));
}

}  // namespace bothy::virtio

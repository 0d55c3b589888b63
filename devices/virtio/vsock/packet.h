// The packets of the socket device (virtio 1.2, 5.10.6).
#pragma once

#include <sys/uio.h>

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace bothy::virtio {

inline constexpr std::uint64_t kVsockHostCid = 2;  // 5.10.4
inline constexpr std::uint16_t kVsockStream = 1;   // 5.10.6

// 5.10.6. A guest may write any other number.
enum class VsockOp : std::uint16_t {
  kInvalid = 0,
  kRequest = 1,
  kResponse = 2,
  kReset = 3,
  kShutdown = 4,
  kData = 5,
  kCreditUpdate = 6,
  kCreditRequest = 7,
};

// Flags of kShutdown: what its sender will not do any more (5.10.6.6).
inline constexpr std::uint32_t kVsockNoReceive = 1;
inline constexpr std::uint32_t kVsockNoSend = 2;
inline constexpr std::uint32_t kVsockNeither = kVsockNoReceive | kVsockNoSend;

// The layout at the start of a packet, without the padding of this struct.
struct VsockHeader {
  std::uint64_t source_cid = 0;
  std::uint64_t destination_cid = 0;
  std::uint32_t source_port = 0;
  std::uint32_t destination_port = 0;
  std::uint32_t length = 0;  // of the payload
  std::uint16_t type = 0;
  VsockOp op = VsockOp::kInvalid;
  std::uint32_t flags = 0;
  std::uint32_t buffer_size = 0;  // buf_alloc: the sender's receive window
  std::uint32_t forwarded = 0;    // fwd_cnt: bytes of the stream that the sender has consumed
};
inline constexpr std::size_t kVsockHeaderSize = 44;
static_assert(offsetof(VsockHeader, forwarded) + sizeof(VsockHeader::forwarded) ==
              kVsockHeaderSize);

// The two ends of a connection.
struct VsockPorts {
  std::uint32_t guest = 0;
  std::uint32_t host = 0;
  friend bool operator==(const VsockPorts&, const VsockPorts&) = default;
};

using BufferList = boost::container::small_vector<iovec, 8>;

// The bytes from offset `skip` on, at most `max`.
[[nodiscard]] BufferList part_of(std::span<const iovec> buffers, std::uint64_t skip,
                                 std::uint64_t max);

// Nothing if the buffers are shorter than a header.
[[nodiscard]] std::optional<VsockHeader> read_vsock_header(std::span<const iovec> buffers) noexcept;
// The buffers have room for a header.
void write_vsock_header(std::span<const iovec> buffers, const VsockHeader& header) noexcept;

}  // namespace bothy::virtio

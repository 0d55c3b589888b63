// PacketSocket: Ethernet frames over a unix socket, one in each datagram, or in a stream, each
// after its length (four bytes, big-endian), as passt and QEMU's stream backend have it.
#pragma once

#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "devices/host/net/packets.h"

namespace bothy {

class PacketSocket final : public NetBackend, private PacketPort {
 public:
  // `socket` is a connected unix socket of any type, otherwise kInvalid. describe() returns `what`.
  [[nodiscard]] static Result<std::unique_ptr<PacketSocket>> adopt(UniqueFd socket,
                                                                   std::string what);

  [[nodiscard]] std::string describe() const override { return what_; }
  [[nodiscard]] NetOffloads offloads() const noexcept override { return {}; }
  [[nodiscard]] std::optional<std::uint16_t> mtu() const noexcept override { return std::nullopt; }
  [[nodiscard]] std::size_t queues() const noexcept override { return 1; }
  [[nodiscard]] PacketPort& port(std::size_t) noexcept override { return *this; }
  [[nodiscard]] Result<void> set_receive_offloads(const NetOffloads&, bool) override {
    return success();
  }
  [[nodiscard]] Result<void> use_queues(std::size_t) override { return success(); }

 private:
  PacketSocket(UniqueFd socket, std::string what, int type);

  [[nodiscard]] int fd() const noexcept override { return socket_.get(); }
  [[nodiscard]] ReceivedPacket receive(std::span<const iovec> buffers) noexcept override;
  [[nodiscard]] PacketOutcome send(std::span<const iovec> packet) noexcept override;
  [[nodiscard]] PacketOutcome flush() noexcept override;

  [[nodiscard]] ReceivedPacket receive_datagram(std::span<const iovec> buffers) noexcept;
  [[nodiscard]] ReceivedPacket receive_from_stream(std::span<const iovec> buffers) noexcept;
  // kDone when at least `wanted` bytes are in inbox_.
  [[nodiscard]] PacketOutcome fill_inbox(std::size_t wanted) noexcept;
  // Keeps the bytes of `buffers_` after the first `sent`, to be sent before anything else.
  void keep_rest(std::size_t sent) noexcept;

  const UniqueFd socket_;
  const std::string what_;
  const int type_;              // SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
  std::vector<iovec> buffers_;  // of a packet, without its header

  // Of a stream: received bytes of incomplete packets, and the rest of a packet sent in part.
  std::unique_ptr<std::byte[]> inbox_;
  std::size_t inbox_begin_ = 0;
  std::size_t inbox_end_ = 0;
  std::vector<std::byte> rest_;
  std::size_t rest_begin_ = 0;
};

}  // namespace bothy

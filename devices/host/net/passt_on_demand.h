// PasstOnDemand: passt, started by the guest's first packet, so that an unused network costs
// nothing.
#pragma once

#include <memory>
#include <string>

#include "base/companion.h"
#include "devices/host/net/packet_socket.h"
#include "devices/host/net/packets.h"
#include "devices/host/net/passt.h"

namespace bothy {

// With --ipv4-only an IPv6 packet doesn't start it, nor does what a guest announces by IPv6 without
// being asked. Packets wait in the socket until passt reads them. passt is started by a companion,
// which this makes. If passt fails, the error is written to stderr and the ports report kGone.
class PasstOnDemand final : public NetBackend, private PacketPort {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PasstOnDemand>> create(const PasstOptions& options);

  [[nodiscard]] std::string describe() const override { return socket_->describe(); }
  [[nodiscard]] NetOffloads offloads() const noexcept override { return socket_->offloads(); }
  [[nodiscard]] std::optional<std::uint16_t> mtu() const noexcept override {
    return socket_->mtu();
  }
  [[nodiscard]] std::size_t queues() const noexcept override { return 1; }
  [[nodiscard]] PacketPort& port(std::size_t) noexcept override { return *this; }
  [[nodiscard]] Result<void> set_receive_offloads(const NetOffloads& offloads,
                                                  bool afresh) override {
    return socket_->set_receive_offloads(offloads, afresh);
  }
  [[nodiscard]] Result<void> use_queues(std::size_t count) override {
    return socket_->use_queues(count);
  }

 private:
  PasstOnDemand(std::unique_ptr<PacketSocket> socket, Companion starter, bool ipv4_only);

  [[nodiscard]] int fd() const noexcept override { return port_.fd(); }
  [[nodiscard]] ReceivedPacket receive(std::span<const iovec> buffers) noexcept override {
    return port_.receive(buffers);
  }
  [[nodiscard]] PacketOutcome send(std::span<const iovec> packet) noexcept override;
  [[nodiscard]] PacketOutcome flush() noexcept override { return port_.flush(); }

  const bool ipv4_only_;
  const std::unique_ptr<PacketSocket> socket_;
  PacketPort& port_;  // the socket's
  const Companion starter_;
  bool started_ = false;
};

}  // namespace bothy

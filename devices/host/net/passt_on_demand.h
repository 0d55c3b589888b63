// PasstOnDemand: passt, started by the first packet. What never uses its network doesn't pay for
// it.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/event_fd.h"
#include "base/unique_fd.h"
#include "devices/host/net/packet_socket.h"
#include "devices/host/net/packets.h"
#include "devices/host/net/passt.h"

namespace bothy {

// The first that is for it: IPv6 isn't with --ipv4-only. Packets wait in the socket until passt
// reads it. A passt that fails is logged, and is an end that is gone.
class PasstOnDemand final : public NetBackend, private PacketPort {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PasstOnDemand>> create(PasstOptions options);
  // Also ends a passt that is still starting.
  ~PasstOnDemand() override;

  [[nodiscard]] std::string describe() const override { return socket_->describe(); }
  [[nodiscard]] NetOffloads offloads() const noexcept override { return socket_->offloads(); }
  [[nodiscard]] std::optional<std::uint16_t> mtu() const noexcept override {
    return socket_->mtu();
  }
  [[nodiscard]] std::size_t queues() const noexcept override { return 1; }
  [[nodiscard]] PacketPort& port(std::size_t) noexcept override { return *this; }
  [[nodiscard]] Result<void> leave_to_us(const NetOffloads& offloads, bool afresh) override {
    return socket_->leave_to_us(offloads, afresh);
  }
  [[nodiscard]] Result<void> use_queues(std::size_t count) override {
    return socket_->use_queues(count);
  }

 private:
  PasstOnDemand(std::unique_ptr<PacketSocket> socket, UniqueFd theirs, EventFd abandoned,
                PasstOptions options);

  [[nodiscard]] int fd() const noexcept override { return port_.fd(); }
  [[nodiscard]] ReceivedPacket receive(std::span<const iovec> buffers) noexcept override {
    return port_.receive(buffers);
  }
  [[nodiscard]] PacketOutcome send(std::span<const iovec> packet) noexcept override;
  [[nodiscard]] PacketOutcome flush() noexcept override { return port_.flush(); }

  void start() noexcept;

  const PasstOptions options_;
  const bool ipv4_only_;
  const std::unique_ptr<PacketSocket> socket_;
  PacketPort& port_;  // the socket's
  UniqueFd theirs_;   // until passt has it
  const EventFd abandoned_;
  std::thread starter_;
};

}  // namespace bothy

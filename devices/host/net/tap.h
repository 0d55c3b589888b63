// Tap: a tap interface of the host, with virtio-net headers.
#pragma once

#include <net/if.h>

#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "devices/host/net/packets.h"

namespace bothy {

class Tap final : public NetBackend {
 public:
  static constexpr std::size_t kMaxQueues = 64;

  // Attaches to the interface `name`, or creates it, sets its `mtu` and brings it up; it exists
  // then until its last queue is closed. With an empty name the kernel chooses one. kBusy when
  // another program has the interface; kPermission; kInvalid when the name is too long, or the
  // interface is not a tap or has fewer queues.
  [[nodiscard]] static Result<std::unique_ptr<Tap>> open(const std::string& name,
                                                         std::size_t queues,
                                                         std::optional<std::uint16_t> mtu);
  // One queue of a tap, opened by another program with IFF_NO_PI and IFF_VNET_HDR.
  [[nodiscard]] static Result<std::unique_ptr<Tap>> adopt(UniqueFd fd);

  // The interface's name when it was opened.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  [[nodiscard]] std::string describe() const override { return "tap " + name_; }
  [[nodiscard]] NetOffloads offloads() const noexcept override { return offloads_; }
  [[nodiscard]] std::optional<std::uint16_t> mtu() const noexcept override { return mtu_; }
  [[nodiscard]] std::size_t queues() const noexcept override { return ports_.size(); }
  [[nodiscard]] PacketPort& port(std::size_t index) noexcept override { return *ports_[index]; }
  [[nodiscard]] Result<void> set_receive_offloads(const NetOffloads& offloads,
                                                  bool afresh) override;
  [[nodiscard]] Result<void> use_queues(std::size_t count) override;

 private:
  Tap(std::string name, std::vector<UniqueFd> fds);
  [[nodiscard]] Result<void> prepare();

  std::string name_;
  std::vector<std::unique_ptr<PacketPort>> ports_;
  std::size_t used_;  // the number of attached queues, which come first
  NetOffloads offloads_;
  std::optional<std::uint16_t> mtu_;
};

}  // namespace bothy

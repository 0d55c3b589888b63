// The commands of a network device's control queue (virtio 1.2, 5.1.6.5).
#pragma once

#include <cstdint>

#include "devices/host/net/config.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Executes commands. False makes a command fail with VIRTIO_NET_ERR.
class NetControlTarget {
 public:
  NetControlTarget() = default;
  NetControlTarget(const NetControlTarget&) = delete;
  NetControlTarget& operator=(const NetControlTarget&) = delete;
  virtual ~NetControlTarget() = default;

  virtual bool set_mac(const MacAddress& mac) = 0;
  virtual bool set_pairs(std::uint16_t count) = 0;
  // Feature bits, negotiated or not.
  virtual bool set_guest_offloads(std::uint64_t features) = 0;
};

// Executes one command and answers it. Receive modes and address filters succeed without effect:
// the device delivers every packet, and filters are best-effort (5.1.6.5.1).
void serve_net_control(Chain chain, NetControlTarget& target) noexcept;

}  // namespace bothy::virtio

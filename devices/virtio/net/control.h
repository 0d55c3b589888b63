// What a driver asks by the control queue of a network device (virtio 1.2, 5.1.6.5).
#pragma once

#include <cstdint>

#include "devices/host/net/config.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Who carries it out; false is a refusal, which the driver is told.
class NetControlTarget {
 public:
  NetControlTarget() = default;
  NetControlTarget(const NetControlTarget&) = delete;
  NetControlTarget& operator=(const NetControlTarget&) = delete;
  virtual ~NetControlTarget() = default;

  virtual bool set_mac(const MacAddress& mac) = 0;
  virtual bool set_pairs(std::uint16_t count) = 0;
  // Bits of features that were negotiated, or others.
  virtual bool set_guest_offloads(std::uint64_t features) = 0;
};

// Carries out one command and answers it. What a device that takes every packet need not heed is
// agreed to: promiscuous modes and address filters are a best effort (5.1.6.5.1).
void serve_net_control(Chain chain, NetControlTarget& target) noexcept;

}  // namespace bothy::virtio

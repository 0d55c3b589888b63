// NetConfig: what a user can choose about a network device, and the backend made of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/host/net/packets.h"
#include "devices/host/rate_limiter.h"

namespace bothy {

using MacAddress = std::array<std::uint8_t, 6>;

enum class NetBackendKind {
  kTap,   // a tap interface of the host
  kUser,  // passt
  kFd,    // a tap, or a unix socket for frames, that our parent opened
};

struct NetConfig {
  static constexpr std::uint16_t kMaxQueues = 64;
  static constexpr std::uint16_t kMinMtu = 68;  // RFC 791; the least that Linux takes

  NetBackendKind backend = NetBackendKind::kTap;
  std::string tap;                   // its name; empty: the kernel picks one
  int fd = -1;                       // of kFd
  std::vector<std::string> passt;    // of kUser: more of passt's own arguments
  bool on_demand = false;            // of kUser: passt starts with the guest's first packet
  std::optional<MacAddress> mac;     // without one, a random one
  std::uint16_t queues = 1;          // pairs, 1 to kMaxQueues; more than 1 for taps only
  std::optional<std::uint16_t> mtu;  // from kMinMtu; without one, the backend's
  RateLimit receive;                 // to the guest; bytes and packets a second
  RateLimit transmit;                // from it
};

// A locally administered address.
[[nodiscard]] MacAddress random_mac() noexcept;

// Opens what the configuration names; of kFd the backend has a duplicate. Errors name the flag.
[[nodiscard]] Result<std::unique_ptr<NetBackend>> open_net_backend(const NetConfig& config);

}  // namespace bothy

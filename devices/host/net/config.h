// NetConfig: the configuration of a network device, and its backend.
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
  kFd,    // an inherited descriptor: a tap, or a unix socket for frames
};

struct NetConfig {
  static constexpr std::uint16_t kMaxQueues = 64;
  static constexpr std::uint16_t kMinMtu = 68;  // RFC 791; Linux's minimum too

  NetBackendKind backend = NetBackendKind::kTap;
  std::string tap;                   // the interface's name; empty: chosen by the kernel
  int fd = -1;                       // of kFd
  std::vector<std::string> passt;    // of kUser: further arguments of passt
  bool on_demand = false;            // of kUser: passt starts with the guest's first packet
  std::optional<MacAddress> mac;     // default: random
  std::uint16_t queues = 1;          // pairs, 1 to kMaxQueues; more than 1 for taps only
  std::optional<std::uint16_t> mtu;  // from kMinMtu; default: the backend's
  RateLimit receive;                 // to the guest; bytes and packets a second
  RateLimit transmit;                // from it
};

// A locally administered address.
[[nodiscard]] MacAddress random_mac() noexcept;

// Opens the configured backend; for kFd, on a duplicate of the descriptor. Errors name the flag.
[[nodiscard]] Result<std::unique_ptr<NetBackend>> open_net_backend(const NetConfig& config);

}  // namespace bothy

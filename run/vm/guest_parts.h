// GuestParts: what a microVM is made of beside the options: its root file system, network
// interfaces, and settings of its kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "devices/host/net/config.h"

namespace bothy::run {

// A mount made inside the guest: agent::kMount.
struct GuestMount {
  std::string type;
  std::string source;
  std::string target;
  std::string options;
};

// A directory of the host that is the root itself, with whatever is mounted in it.
struct SharedRoot {
  static constexpr const char* kTag = "root";

  std::string directory;           // an absolute path
  std::vector<GuestMount> mounts;  // in this order
};

// What the guest's kernel is asked about an interface: agent::kNetlink.
struct InterfaceRequest {
  std::uint16_t type = 0;      // RTM_*
  std::uint16_t index_at = 0;  // where the interface's number goes in `body`
  std::string body;
};

struct GuestInterface {
  std::string name;
  std::string tap;  // of the host, made for it
  MacAddress mac{};
  std::uint16_t mtu = 0;
  std::vector<InterfaceRequest> requests;  // in this order; the first gives it its name
};

struct GuestParts {
  // An image's disk, an absolute path, under a layer of the guest's own, unless a directory is
  // shared.
  std::string disk;
  std::optional<SharedRoot> shared;
  std::vector<GuestInterface> interfaces;                    // beside that of the options
  std::vector<std::pair<std::string, std::string>> sysctls;  // paths below /proc, and values
  bool watch_ports = false;  // IsolationEvents::on_ports() is to be called
};

}  // namespace bothy::run

// passt: a network without privileges, by the program of that name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/host/net/packet_socket.h"

namespace bothy {

// What passt is told beside the socket: `mtu` is what it tells the guest by DHCP; `arguments` come
// after ours.
struct PasstOptions {
  std::optional<std::uint16_t> mtu;
  std::vector<std::string> arguments;
};

// Starts passt, waits until it serves, and gives the socket that it does so on. It ends when that
// is closed, however we end, and leaves no file. kUnsupported when it isn't installed; its own
// words when it fails.
[[nodiscard]] Result<std::unique_ptr<PacketSocket>> start_passt(const PasstOptions& options);

// The same on the other end of a socket that is there. A byte at `abandoned` (a descriptor that
// becomes readable, -1 for none) ends the wait, and passt with it.
[[nodiscard]] Result<void> serve_by_passt(UniqueFd socket, const PasstOptions& options,
                                          int abandoned);

// Whether passt is installed and finds what it needs here, as far as a look can tell.
[[nodiscard]] bool passt_can_start();

}  // namespace bothy

// passt: a user-mode network, by the program of that name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/host/net/packet_socket.h"

namespace bothy {

struct PasstOptions {
  std::optional<std::uint16_t> mtu;    // which passt tells the guest by DHCP
  std::vector<std::string> arguments;  // appended to passt's command line
};

// Starts passt, waits until it serves, and returns the socket on which it does. passt ends when
// that socket is closed, also when this process is killed, and leaves no file. kUnsupported when
// passt is not installed; the error has passt's own message when passt fails.
[[nodiscard]] Result<std::unique_ptr<PacketSocket>> start_passt(const PasstOptions& options);

// The same with a socket whose other end the caller has. The wait ends, and passt with it, when the
// descriptor `abandoned` becomes readable (-1: none).
[[nodiscard]] Result<void> serve_by_passt(UniqueFd socket, const PasstOptions& options,
                                          int abandoned);

// Whether passt is in PATH and this host has a default route, which passt needs.
[[nodiscard]] bool passt_can_start();

}  // namespace bothy

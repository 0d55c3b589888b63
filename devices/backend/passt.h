// passt: a network without privileges, by the program of that name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/backend/packet_socket.h"

namespace bothy {

// Starts passt, waits until it serves, and gives the socket that it does so on. It ends when that
// is closed, however we end, and leaves no file. kNotFound when it isn't installed; its own words
// when it fails. `mtu` is what it tells the guest by DHCP;
// `arguments` come after ours.
[[nodiscard]] Result<std::unique_ptr<PacketSocket>> start_passt(
    std::optional<std::uint16_t> mtu, const std::vector<std::string>& arguments = {});

}  // namespace bothy

// The network `user`, the same for each kind of isolation: its addresses, the arguments of passt
// and pasta, and the files of /etc that follow from the network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "run/run_options.h"

namespace bothy::run {

// Set on both sides: an instance needs no DHCP.
inline constexpr std::string_view kUserInterface = "eth0";
inline constexpr std::string_view kUserAddress = "10.0.2.15";
inline constexpr std::string_view kUserPrefix = "24";
inline constexpr std::string_view kUserGateway = "10.0.2.2";
inline constexpr std::string_view kUserResolver = "10.0.2.3";

// Addresses and published ports, for passt(1) and pasta(1) alike.
[[nodiscard]] std::vector<std::string> user_network_arguments(const RunOptions& options);

// /etc/hosts: the host name, with the instance's address.
[[nodiscard]] std::string hosts_file(const RunOptions& options);
// /etc/resolv.conf: --dns, or passt's own; empty for a network without a name server of its own.
[[nodiscard]] std::string resolv_conf_file(const RunOptions& options);

}  // namespace bothy::run

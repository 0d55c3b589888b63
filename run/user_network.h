// The network `user`, the same for each kind of isolation: its addresses, the arguments of passt
// and pasta, and the files of /etc that follow from the network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/run_options.h"

namespace bothy::run {

// Set on both sides: an instance needs no DHCP.
inline constexpr std::string_view kUserInterface = "eth0";
inline constexpr std::string_view kUserAddress = "10.0.2.15";
inline constexpr std::string_view kUserPrefix = "24";
inline constexpr std::string_view kUserGateway = "10.0.2.2";
inline constexpr std::string_view kUserResolver = "10.0.2.3";
inline constexpr std::string_view kUserAddress6 = "fd00::15";
inline constexpr std::string_view kUserPrefix6 = "64";
inline constexpr std::string_view kUserGateway6 = "fd00::2";
inline constexpr std::string_view kUserResolver6 = "fd00::3";

// Whether the network has IPv6: only where the host has it, since programs try that first. Sets
// RunOptions::ipv6. kUnsupported for a port that is to be published on an IPv6 address of a host
// that has no IPv6. Other networks are left alone.
[[nodiscard]] Result<void> find_user_network(RunOptions& options);
// Whether a text such as /proc/net/ipv6_route has a default route.
[[nodiscard]] bool has_default_route(std::string_view routes);

// Addresses and published ports, for passt(1) and pasta(1) alike.
[[nodiscard]] std::vector<std::string> user_network_arguments(const RunOptions& options);

// /etc/hosts: the host name, with the instance's address.
[[nodiscard]] std::string hosts_file(const RunOptions& options);
// /etc/resolv.conf: --dns, or passt's own; empty for a network without a name server of its own.
[[nodiscard]] std::string resolv_conf_file(const RunOptions& options);

}  // namespace bothy::run

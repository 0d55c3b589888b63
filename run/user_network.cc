#include "run/user_network.h"

#include <fmt/format.h>

namespace bothy::run {
namespace {

// The ports of one protocol: "ADDRESS/HOST:GUEST,...", or "none".
std::string port_list(const std::vector<PublishedPort>& ports, bool udp) {
  std::string text;
  for (const PublishedPort& port : ports) {
    if (port.udp == udp) {
      text += (text.empty() ? "" : ",") + (port.address.empty() ? "" : port.address + "/") +
              fmt::format("{}:{}", port.host, port.guest);
    }
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::vector<std::string> user_network_arguments(const RunOptions& options) {
  return {"--ipv4-only",
          "--address",
          std::string(kUserAddress),
          "--netmask",
          std::string(kUserPrefix),
          "--gateway",
          std::string(kUserGateway),
          "--dns-forward",
          std::string(kUserResolver),
          "--no-dhcp",
          "--no-map-gw",
          "--tcp-ports",
          port_list(options.ports, false),
          "--udp-ports",
          port_list(options.ports, true)};
}

std::string hosts_file(const RunOptions& options) {
  const std::string_view own = options.network == Network::kUser ? kUserAddress : "127.0.0.1";
  return fmt::format("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n",
                     own, options.hostname);
}

std::string resolv_conf_file(const RunOptions& options) {
  std::string text;
  for (const std::string& server : options.dns) {
    text += "nameserver " + server + "\n";
  }
  return text.empty() && options.network == Network::kUser
             ? fmt::format("nameserver {}\n", kUserResolver)
             : text;
}

}  // namespace bothy::run

#include "run/user_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/files.h"

namespace bothy::run {
namespace {

constexpr unsigned kRejects = 0x200;  // RTF_REJECT (linux/route.h)

// An option for each port, since an address in one holds for all of its ports; or "none".
void add_ports(const char* flag, bool udp, const RunOptions& options,
               std::vector<std::string>& arguments) {
  const std::size_t before = arguments.size();
  for (const PublishedPort& port : options.ports) {
    if (port.udp == udp) {
      arguments.emplace_back(flag);
      arguments.push_back((port.address.empty() ? "" : port.address + "/") +
                          fmt::format("{}:{}", port.host, port.guest));
    }
  }
  if (arguments.size() == before) {
    arguments.insert(arguments.end(), {flag, "none"});
  }
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

// Each line: destination, its prefix, source, its prefix, next hop, metric, references, uses,
// flags, interface; numbers are hexadecimal.
bool has_default_route(std::string_view routes) {
  while (!routes.empty()) {
    std::string_view line = routes.substr(0, routes.find('\n'));
    routes.remove_prefix(std::min(line.size() + 1, routes.size()));
    std::array<std::string_view, 10> words;
    for (std::string_view& word : words) {
      word = next_word(line);
    }
    unsigned flags = kRejects;
    std::from_chars(words[8].data(), words[8].data() + words[8].size(), flags, 16);
    if (words[1] == "00" && words[0].find_first_not_of('0') == std::string_view::npos &&
        (flags & kRejects) == 0 && words[9] != "lo") {
      return true;
    }
  }
  return false;
}

Result<void> find_user_network(RunOptions& options) {
  if (options.network != Network::kUser) {
    return success();
  }
  // Absent without IPv6 in the kernel.
  if (const auto file = open_file("/proc/net/ipv6_route", 0)) {
    BOTHY_TRY(const std::string routes, read_to_end(file.value().get(), "/proc/net/ipv6_route"));
    options.ipv6 = has_default_route(routes);
  }
  const auto port = std::ranges::find_if(options.ports, [](const PublishedPort& each) {
    return each.address.find(':') != std::string::npos;
  });
  if (port != options.ports.end() && !options.ipv6) {
    return make_error(ErrorCode::kUnsupported,
                      "-p: can't publish a port on '[{}]': this host has no IPv6 default route, so "
                      "the network user has no IPv6",
                      port->address);
  }
  return success();
}

std::vector<std::string> user_network_arguments(const RunOptions& options) {
  std::vector<std::string> arguments;
  if (!options.ipv6) {
    arguments.emplace_back("--ipv4-only");
  }
  const auto add = [&](std::string_view flag, std::string_view value) {
    arguments.emplace_back(flag);
    arguments.emplace_back(value);
  };
  add("--address", kUserAddress);
  add("--netmask", kUserPrefix);
  add("--gateway", kUserGateway);
  add("--dns-forward", kUserResolver);
  if (options.ipv6) {
    add("--address", kUserAddress6);
    add("--gateway", kUserGateway6);
    add("--dns-forward", kUserResolver6);
    // They would announce the host's own network.
    arguments.insert(arguments.end(), {"--no-ra", "--no-dhcpv6"});
  }
  arguments.insert(arguments.end(), {"--no-dhcp", "--no-map-gw"});
  add_ports("--tcp-ports", false, options, arguments);
  add_ports("--udp-ports", true, options, arguments);
  return arguments;
}

std::string hosts_file(const RunOptions& options) {
  const bool has_network = options.network == Network::kUser;
  std::string text =
      fmt::format("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n",
                  has_network ? kUserAddress : "127.0.0.1", options.hostname);
  if (has_network && options.ipv6) {
    text += fmt::format("{}\t{}\n", kUserAddress6, options.hostname);
  }
  return text;
}

std::string resolv_conf_file(const RunOptions& options) {
  std::string text;
  for (const std::string& server : options.dns) {
    text += "nameserver " + server + "\n";
  }
  if (!text.empty() || options.network != Network::kUser) {
    return text;
  }
  text = fmt::format("nameserver {}\n", kUserResolver);
  return options.ipv6 ? text + fmt::format("nameserver {}\n", kUserResolver6) : text;
}

}  // namespace bothy::run

#include "run/container/network.h"

#include <algorithm>

#include "run/user_network.h"
#include "tests/support/catch.h"

namespace bothy::run {
namespace {

// The argument after `flag`; empty without the flag.
std::string value_of(const std::vector<std::string>& arguments, std::string_view flag) {
  const auto found = std::ranges::find(arguments, flag);
  return found == arguments.end() || found + 1 == arguments.end() ? std::string() : *(found + 1);
}

}  // namespace

TEST_CASE("pasta gives the container the addresses that microVMs have, and no way to the host") {
  RunOptions options;
  options.ports = {
      {"127.0.0.1", 8080, 80, false}, {"127.0.0.2", 8081, 81, false}, {"", 53, 53, true}};
  const auto arguments = pasta_arguments(options, true, true);
  CHECK(arguments.front() == "pasta");
  CHECK(value_of(arguments, "--address") == "10.0.2.15");
  CHECK(value_of(arguments, "--dns-forward") == "10.0.2.3");
  CHECK(value_of(arguments, "--tcp-ports") == "127.0.0.1/8080:80");
  CHECK(std::ranges::count(arguments, "127.0.0.2/8081:81") == 1);  // not in one list with the other
  CHECK(std::ranges::count(arguments, "--tcp-ports") == 2);
  CHECK(value_of(arguments, "--udp-ports") == "53:53");
  CHECK(std::ranges::count(arguments, "--ipv4-only") == 1);
  CHECK(value_of(arguments, "--tcp-ns") == "none");
  CHECK(value_of(arguments, "--udp-ns") == "none");
  CHECK(std::ranges::count(arguments, "--no-map-gw") == 1);
}

TEST_CASE("The network has IPv6 where the host has") {
  RunOptions options;
  options.ipv6 = true;
  options.hostname = "box";
  const auto arguments = pasta_arguments(options, true, true);
  CHECK(std::ranges::count(arguments, "--ipv4-only") == 0);
  CHECK(std::ranges::count(arguments, "--address") == 2);
  CHECK(std::ranges::count(arguments, "fd00::15") == 1);
  CHECK(resolv_conf_file(options) == "nameserver 10.0.2.3\nnameserver fd00::3\n");
  CHECK(hosts_file(options).ends_with("10.0.2.15\tbox\nfd00::15\tbox\n"));
}

TEST_CASE("A default route is one that leads somewhere") {
  const std::string zeros(32, '0');
  const auto route = [&](const std::string& destination, const char* prefix, const char* flags,
                         const char* interface) {
    return fmt::format("{} {} {} 00 {} 00000400 00000001 00000000 {} {:>8}\n", destination, prefix,
                       zeros, zeros, flags, interface);
  };
  CHECK_FALSE(has_default_route(""));
  CHECK_FALSE(has_default_route("x\n\n"));
  CHECK_FALSE(has_default_route(route(zeros, "00", "00200200", "lo")));
  CHECK_FALSE(has_default_route(route(zeros, "00", "00000200", "eth0")));
  CHECK_FALSE(has_default_route(route("fd" + zeros.substr(2), "40", "00000001", "eth0")));
  CHECK(has_default_route(route(zeros, "00", "00200200", "lo") +
                          route(zeros, "00", "00000003", "eth0")));
}

TEST_CASE(
    "pasta stays root for root's namespaces alone, and gets a user namespace if there is one") {
  const auto of_root = pasta_arguments({}, true, false);
  CHECK(value_of(of_root, "--runas") == "0:0");
  CHECK(value_of(of_root, "--userns").empty());
  const auto of_user = pasta_arguments({}, false, true);
  CHECK(value_of(of_user, "--runas").empty());
  CHECK(value_of(of_user, "--userns") == "/proc/self/fd/4");
  CHECK(value_of(of_user, "--netns") == "/proc/self/fd/3");
}

}  // namespace bothy::run

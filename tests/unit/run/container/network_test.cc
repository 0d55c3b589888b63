#include "run/container/network.h"

#include <algorithm>

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
  options.ports = {{"127.0.0.1", 8080, 80, false}, {"", 53, 53, true}};
  const auto arguments = pasta_arguments(options, true, true);
  CHECK(arguments.front() == "pasta");
  CHECK(value_of(arguments, "--address") == "10.0.2.15");
  CHECK(value_of(arguments, "--dns-forward") == "10.0.2.3");
  CHECK(value_of(arguments, "--tcp-ports") == "127.0.0.1/8080:80");
  CHECK(value_of(arguments, "--udp-ports") == "53:53");
  CHECK(value_of(arguments, "--tcp-ns") == "none");
  CHECK(value_of(arguments, "--udp-ns") == "none");
  CHECK(std::ranges::count(arguments, "--no-map-gw") == 1);
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

#include "guest/init/listening.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"

using namespace bothy;

namespace {

// After the table's heading, from exactly as much memory as there are bytes.
std::vector<std::uint16_t> listening(std::string_view lines) {
  agent::Ports ports{};
  std::string table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";
  table += lines;
  const std::vector<char> copy(table.begin(), table.end());
  init::add_listening({copy.data(), copy.size()}, ports);
  return {ports.port, ports.port + ports.count};
}

using Ports = std::vector<std::uint16_t>;

}  // namespace

TEST_CASE("Ports that listen on any or the loopback address are found, ascending") {
  CHECK(listening("   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000\n"
                  "   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000\n"
                  "   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000\n"
                  "   3: 0200A8C0:0050 00000000:0000 0A 00000000:00000000 00:00000000\n"
                  "   4: 0100007F:0051 0100007F:1234 01 00000000:00000000 00:00000000\n") ==
        Ports{22, 8080});
  const std::string zeros(32, '0');
  const std::string peer = " " + zeros + ":0000 0A 0\n";
  CHECK(listening(" 0: " + zeros + ":0050" + peer + " 1: 00000000000000000000000001000000:0051" +
                  peer + " 2: 0000000000000000FFFF00000100007F:0052" + peer +
                  " 3: 0000000000000000FFFF000002000A0A:0053" + peer +
                  " 4: 000080FE00000000FF0000000100007F:0054" + peer) == Ports{80, 81, 82});
}

TEST_CASE("What isn't such a table's line is left out") {
  CHECK(listening("").empty());
  CHECK(listening("\n\n   \n 0:\n 0: x y 0A\n").empty());
  CHECK(listening(" 0: 00000000:00G0 00000000:0000 0A\n 0: 00000000:50 0:0 0A\n").empty());
  CHECK(listening(" 0: 00000000:0000 00000000:0000 0A\n").empty());
  CHECK(listening(" 0: 00000000:0050 00000000:0000 0A").empty());  // isn't whole
  CHECK(listening(" 0: 00000000:0050 00000000:0000 0A\n") == Ports{80});
}

TEST_CASE("There is room for so many ports and no more") {
  std::string lines;
  for (unsigned port = 2000; port > 1800; --port) {
    lines += fmt::format(" 0: 00000000:{:04X} 00000000:0000 0A\n", port);
  }
  const Ports found = listening(lines);
  CHECK(found.size() == agent::kMaxPorts);
  CHECK(found.back() == 2000);
  const agent::Ports none{};
  agent::Ports other{};
  CHECK(init::same_ports(none, other));
  other.count = 1;
  CHECK_FALSE(init::same_ports(none, other));
}

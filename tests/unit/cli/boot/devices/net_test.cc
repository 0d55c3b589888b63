#include <boost/json/serialize.hpp>

#include "cli/boot/devices/net.h"
#include "cli/boot/machine_file.h"
#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--net names a backend and what the card is like") {
  const auto tap = parse_net("tap=vm0,mac=02:00:00:00:00:0a,queues=4,mtu=9000").value();
  CHECK(tap.backend == NetBackendKind::kTap);
  CHECK(tap.tap == "vm0");
  CHECK(tap.mac == MacAddress{2, 0, 0, 0, 0, 10});
  CHECK(tap.queues == 4);
  CHECK(tap.mtu == 9000);
  CHECK(tap.receive == RateLimit{});
  CHECK(parse_net("tap").value().tap.empty());
  CHECK(parse_net("user").value().backend == NetBackendKind::kUser);
}

TEST_CASE("A card without an address gets one of its own") {
  const auto one = parse_net("user").value().mac;
  const auto other = parse_net("user").value().mac;
  REQUIRE((one && other));
  CHECK(one != other);
  CHECK((one->front() & 3U) == 2);  // locally administered, and no group's
}

TEST_CASE("Limits of one way win over those of both") {
  const auto net = parse_net("user,iops=100,bps=1M,rx-iops=7,tx-bps=2K").value();
  CHECK(net.receive == RateLimit{7, 1U << 20U});
  CHECK(net.transmit == RateLimit{100, 2048});
}

TEST_CASE("What makes no sense of --net is said") {
  const auto [text, why] = GENERATE(table<const char*, const char*>({
      {"vm0", "it needs one of"},
      {"mtu=1500", "it needs one of"},
      {"tap,user", "it needs one of"},
      {"fd=2", "from 3"},
      {"fd=1000000", "no descriptor"},
      {"tap,mac=02:00:00:00:00", "no address"},
      {"tap,mac=02-00-00-00-00-01", "no address"},
      {"tap,mac=02:00:00:00:00:0g", "no address"},
      {"tap,mac=01:00:00:00:00:00", "first byte must be even"},
      {"tap,mac=00:00:00:00:00:00", "not all zero"},
      {"tap,queues=65", "1 to 64"},
      {"tap,rx-bps=0", "rx-bps=0"},
      {"user,queues=2", "only a tap"},
      {"tap,mtu=67", "68 to 65535"},
      {"tap,colour=red", "colour"},
  }));
  const auto net = parse_net(text);
  REQUIRE(!net.has_value());
  CHECK(net.error().context.find(why) != std::string::npos);
}

TEST_CASE("A machine file says the same as its description") {
  const std::vector<std::string> texts{"tap=vm0,mac=02:00:00:00:00:0a,queues=2,rx-bps=4096",
                                       "tap,mac=02:00:00:00:00:0b", "user,mac=02:00:00:00:00:0c"};
  const auto described = describe(parse_nets(texts));
  const auto flags =
      machine_file_flags(R"({"net": )" + boost::json::serialize(described) + "}").value();
  REQUIRE(flags.size() == texts.size());
  std::vector<std::string> again;
  for (const std::string& flag : flags) {
    again.push_back(flag.substr(std::string_view("--net=").size()));
  }
  CHECK(describe(parse_nets(again)) == described);
  CHECK(parse_net("tap=on").value().tap.empty());  // {"tap": true}
}

}  // namespace bothy

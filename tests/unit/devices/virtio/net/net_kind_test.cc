#include <boost/json/array.hpp>

#include "devices/virtio/net/kind.h"
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

TEST_CASE("Invalid values of --net are refused with the reason") {
  const auto [text, why] = GENERATE(table<const char*, const char*>({
      {"vm0", "expected exactly one of"},
      {"mtu=1500", "expected exactly one of"},
      {"tap,user", "expected exactly one of"},
      {"fd=2", "from 3"},
      {"fd=1000000", "no such descriptor"},
      {"tap,mac=02:00:00:00:00", "expected six bytes"},
      {"tap,mac=02-00-00-00-00-01", "expected six bytes"},
      {"tap,mac=02:00:00:00:00:0g", "expected six bytes"},
      {"tap,mac=01:00:00:00:00:00", "an even first byte"},
      {"tap,mac=00:00:00:00:00:00", "not all bytes zero"},
      {"tap,queues=65", "1 to 64"},
      {"tap,rx-bps=0", "'0' for rx-bps"},
      {"user,queues=2", "only a tap"},
      {"tap,mtu=67", "68 to 65535"},
      {"tap,colour=red", "colour"},
  }));
  const auto net = parse_net(text);
  REQUIRE(!net.has_value());
  CHECK(net.error().context.find(why) != std::string::npos);
}

TEST_CASE("A network device is described as a machine file has it") {
  const NetConfig tap =
      parse_net("tap=vm0,mac=02:00:00:00:00:0a,queues=2,rx-bps=4096,mtu=1400").value();
  CHECK(describe(tap) == boost::json::object{{"tap", "vm0"},
                                             {"mac", "02:00:00:00:00:0a"},
                                             {"queues", 2},
                                             {"mtu", 1400},
                                             {"rx-bps", 4096}});
  CHECK(describe(parse_net("user").value()).at("user") == true);
  CHECK(parse_net("tap=on").value().tap.empty());  // {"tap": true}
}

TEST_CASE("`net` shows no device of a machine without network devices") {
  ControlCommands commands;
  net_kind().add_commands({}, commands);
  CHECK(commands.at("net").run({}).value() == boost::json::array());
}

}  // namespace bothy

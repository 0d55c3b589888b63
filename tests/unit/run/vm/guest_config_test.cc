#include "run/vm/guest_config.h"

#include "run/vm/prepare.h"
#include "tests/support/catch.h"

namespace bothy::run {
namespace {

std::string config_of(const RunOptions& options) {
  ProcessSpec process;
  process.arguments = {"true"};
  return guest_config(options, process, 0, {}, {});
}

bool has(const std::string& config, std::string_view words) {
  return config.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("A deeper target is mounted later, whatever the order of the flags") {
  RunOptions options;
  options.tmpfs = {{"/data/cache", ""}, {"/one", ""}};
  options.volumes = {{"/host/deep", "/data//cache/deep/", false}, {"/host/data", "/data/", false}};
  const std::string config = config_of(options);
  const std::size_t one = config.find("/one");
  const std::size_t data = config.find("volume1");
  const std::size_t cache = config.find("/data/cache");
  const std::size_t deep = config.find("volume0");
  REQUIRE(deep != std::string::npos);
  CHECK(one < data);  // as the flags have it, where depth doesn't decide
  CHECK(data < cache);
  CHECK(cache < deep);
}

TEST_CASE("--dns sets the name servers of the guest with every network") {
  RunOptions options;
  CHECK(has(config_of(options), "nameserver 10.0.2.3\n"));
  options.dns = {"9.9.9.9"};
  options.network = Network::kTap;
  CHECK(has(config_of(options), "nameserver 9.9.9.9\n"));
  options.dns = {};
  CHECK_FALSE(has(config_of(options), "nameserver"));
}

TEST_CASE("A shared root has the mounts that are asked for, and no file of bothy's") {
  GuestParts parts;
  parts.shared.emplace();
  parts.shared->mounts = {{"virtiofs", "root/dev/log", "/dev/log", ""}};
  parts.sysctls = {{"sys/net/x", "7"}};
  parts.interfaces.emplace_back();
  parts.interfaces[0].name = "net9";
  parts.interfaces[0].requests = {{1, 4, "first of all"}, {2, 4, "then others"}};
  ProcessSpec process;
  process.arguments = {"true"};
  process.groups = {"77"};
  const std::string config = guest_config(RunOptions(), process, 0, {}, parts);
  CHECK(has(config, "root/dev/log"));
  CHECK(has(config, std::string("sys/net/x\0007", 11)));
  CHECK_FALSE(has(config, "/dev/vda"));
  CHECK_FALSE(has(config, "/etc/hosts"));
  // The first request renames the interface.
  CHECK(config.find("eth0") < config.find("first of all"));
  CHECK(config.find("net9") < config.find("then others"));
  CHECK(config.find("net9") > config.find("first of all"));
  CHECK(has(config, "77"));
  const std::string watched("\x12\0\0\0\0\0\0\0", 8);
  CHECK_FALSE(has(config, watched));
  parts.watch_ports = true;
  CHECK(has(guest_config(RunOptions(), process, 0, {}, parts), watched));
}

TEST_CASE("A microVM's network is limited in bytes a second, by direction") {
  RunOptions options;
  CHECK(network_rate(options, kReceiveRateFlag).value() == 0);
  options.isolation_flags[std::string(kReceiveRateFlag)] = {"10M"};
  options.isolation_flags[std::string(kTransmitRateFlag)] = {"0"};
  CHECK(network_rate(options, kReceiveRateFlag).value() == 10U << 20U);
  CHECK(network_rate(options, kTransmitRateFlag).error().context.starts_with("--network-tx-bps: "));
  options.network = Network::kNone;
  CHECK(network_rate(options, kReceiveRateFlag).error().code == ErrorCode::kInvalid);
}

}  // namespace bothy::run

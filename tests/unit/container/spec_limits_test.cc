// Limits of a config.json that are wrong or not supported, and members that don't fit together.
#include <string>
#include <vector>

#include "container/spec.h"
#include "tests/support/catch.h"
#include "tests/unit/container/spec_cases.h"

namespace bothy::container {
namespace {

void check(const std::vector<Wrong>& all) {
  for (const Wrong& wrong : all) {
    CHECK(error_with(wrong.pointer, json::parse(wrong.value)) == "config.json: " + wrong.message);
  }
}

std::string range_error(std::uint32_t count, std::uint32_t distance) {
  json::array mappings;
  for (std::uint32_t i = 0; i < count; ++i) {
    mappings.push_back({{"containerID", i * distance}, {"hostID", i * distance}, {"size", 2}});
  }
  return error_with("/linux/uidMappings", mappings);
}

}  // namespace

TEST_CASE("A limit of resources that can't be is named with its reason") {
  const std::string resources = "/linux/resources";
  const std::string name = "linux.resources.";
  check({
      {resources + "/devices/1/type", R"("p")",
       name + "devices[1].type: unknown type of device 'p'"},
      {resources + "/devices/1/major", "-2",
       name + "devices[1].major: expected an integer from -1 to 4095"},
      {resources + "/devices/1/minor", "1048576",
       name + "devices[1].minor: expected an integer from -1 to 1048575"},
      {resources + "/devices/0/access", R"("rwx")",
       name + "devices[0].access: expected some of the letters 'rwm'"},
      {resources + "/memory/limit", "-2",
       name + "memory.limit: expected an integer from -1 to 9223372036854775807"},
      {resources + "/memory/reservation", "9223372036854775808",
       name + "memory.reservation: expected an integer from -1 to 9223372036854775807"},
      {resources + "/memory/swap", "1", name + "memory.swap: less than 'limit', which it includes"},
      {resources + "/memory/swappiness", "101",
       name + "memory.swappiness: expected an integer from 0 to 100"},
      {resources + "/cpu/shares", "1", name + "cpu.shares: expected an integer from 2 to 262144"},
      {resources + "/cpu/shares", "262145",
       name + "cpu.shares: expected an integer from 2 to 262144"},
      {resources + "/cpu/quota", "999", name + "cpu.quota: less than 1000 microseconds"},
      {resources + "/cpu/quota", "-2",
       name + "cpu.quota: expected an integer from -1 to 9223372036854775807"},
      {resources + "/cpu/burst", "50001", name + "cpu.burst: larger than the quota"},
      {resources + "/cpu/period", "999",
       name + "cpu.period: expected an integer from 1000 to 1000000"},
      {resources + "/cpu/period", "1000001",
       name + "cpu.period: expected an integer from 1000 to 1000000"},
      {resources + "/cpu/cpus", R"("0-1\n")", name + "cpu.cpus: expected a list like '0-3,7'"},
      {resources + "/cpu/mems", R"("all")", name + "cpu.mems: expected a list like '0-3,7'"},
      {resources + "/cpu/idle", "2", name + "cpu.idle: expected an integer from 0 to 1"},
      {resources + "/pids/limit", "-2",
       name + "pids.limit: expected an integer from -1 to 9223372036854775807"},
      {resources + "/blockIO/weight", "9",
       name + "blockIO.weight: expected an integer from 10 to 1000"},
      {resources + "/blockIO/weight", "1001",
       name + "blockIO.weight: expected an integer from 10 to 1000"},
      {resources + "/blockIO/throttleReadBpsDevice/0/major", "4096",
       name + "blockIO.throttleReadBpsDevice[0].major: expected an integer from 0 to 4095"},
      {resources + "/blockIO/throttleWriteIOPSDevice/0/rate", "-1",
       name + "blockIO.throttleWriteIOPSDevice[0].rate: expected an integer from 0 to "
              "18446744073709551615"},
      {resources + "/hugepageLimits/0/pageSize", R"("2MB/../..")",
       name + "hugepageLimits[0].pageSize: expected a size like '2MB'"},
      {resources + "/hugepageLimits/0/pageSize", R"("MB")",
       name + "hugepageLimits[0].pageSize: expected a size like '2MB'"},
      {resources + "/unified", R"({"../cgroup.procs": "1"})",
       name +
           "unified.../cgroup.procs: expected the name of a file of cgroup v2, like 'memory.high'"},
      {resources + "/unified", R"({"memory": "1"})",
       name + "unified.memory: expected the name of a file of cgroup v2, like 'memory.high'"},
      {resources + "/unified", R"({"": "1"})",
       name + "unified.: expected the name of a file of cgroup v2, like 'memory.high'"},
  });
}

TEST_CASE("What bothy doesn't do for a container is an error") {
  const std::string resources = "/linux/resources";
  const std::string name = "linux.resources.";
  check({
      {resources + "/memory/kernel", "1",
       name + "memory.kernel: not supported; 'limit' counts the kernel's memory as well"},
      {resources + "/memory/kernelTCP", "1",
       name + "memory.kernelTCP: not supported; 'limit' counts the kernel's memory as well"},
      {resources + "/cpu/realtimeRuntime", "1", name + "cpu.realtimeRuntime: not supported"},
      {resources + "/cpu/realtimePeriod", "1", name + "cpu.realtimePeriod: not supported"},
      {resources + "/blockIO/leafWeight", "10", name + "blockIO.leafWeight: not supported"},
      {resources + "/blockIO/weightDevice", R"([{"major": 8, "minor": 0, "weight": 10}])",
       name + "blockIO.weightDevice: not supported; set io.weight in linux.resources.unified"},
      {resources + "/network/classID", "1", name + "network.classID: not supported"},
      {resources + "/network/priorities", R"([{"name": "eth0", "priority": 1}])",
       name + "network.priorities: not supported"},
      {resources + "/rdma", R"({"mlx5_1": {"hcaHandles": 1}})", name + "rdma: not supported"},
  });
  for (const std::string member : {"intelRdt", "memoryPolicy", "netDevices"}) {
    json::value config = full_config();
    config.at("linux").as_object()[member] = json::object();
    CHECK(error_of(config) == "config.json: linux." + member + ": not supported");
  }
}

TEST_CASE("A machine's size is read, and what would choose a program or a kernel is refused") {
  json::value config = full_config();
  config.as_object()["vm"] =
      json::parse(R"({"hwConfig": {"vcpus": 2, "memory": 1073741824, "deviceTree": "x"}})");
  const OciSpec spec = parse_spec(json::serialize(config)).value();
  REQUIRE(spec.machine);
  CHECK(spec.machine->cpus == 2U);
  CHECK(spec.machine->memory == 1073741824U);
  for (const std::string member : {"hypervisor", "kernel", "image"}) {
    config.as_object()["vm"] = json::object{{member, json::object{{"path", "/x"}}}};
    CHECK(error_of(config) ==
          "config.json: vm." + member + ": not supported: the host's configuration chooses it");
  }
  config.as_object()["vm"] = json::parse(R"({"hwConfig": {"vcpus": 0}})");
  CHECK(error_of(config).starts_with("config.json: vm.hwConfig.vcpus: "));
}

TEST_CASE("A setting of a namespace needs the namespace") {
  const auto without = [](std::size_t index) {
    json::value config = full_config();
    json::array& namespaces = config.at("linux").at("namespaces").as_array();
    namespaces.erase(namespaces.begin() + static_cast<std::ptrdiff_t>(index));
    return config;
  };
  CHECK(error_of(without(0)) ==
        "config.json: linux.uidMappings: no user namespace in linux.namespaces");
  CHECK(error_of(without(7)) ==
        "config.json: linux.timeOffsets: no new time namespace in linux.namespaces");
  json::value config = without(5);
  constexpr std::string_view kNoUts = ": can't be set without a uts namespace in linux.namespaces";
  CHECK(error_of(config) == "config.json: hostname" + std::string(kNoUts));
  config.as_object().erase("hostname");
  CHECK(error_of(config) == "config.json: domainname" + std::string(kNoUts));
  config.as_object().erase("domainname");
  CHECK(parse_spec(json::serialize(config)).has_value());
}

TEST_CASE("A new user namespace needs mappings, one that is joined doesn't") {
  json::value config = full_config();
  json::object& section = config.at("linux").as_object();
  section.erase("uidMappings");
  section.erase("gidMappings");
  CHECK(error_of(config) == "config.json: linux.uidMappings: missing for the new user namespace");
  section["namespaces"].as_array()[0].as_object()["path"] = "/run/userns/a";
  CHECK(parse_spec(json::serialize(config)).has_value());
}

TEST_CASE("A user namespace has at most 340 ranges, which don't overlap") {
  json::value config = full_config();
  json::array mappings;
  for (std::uint32_t i = 0; i < 340; ++i) {
    mappings.push_back({{"containerID", i * 2}, {"hostID", i * 2}, {"size", 2}});
  }
  config.at("linux").as_object()["uidMappings"] = mappings;
  CHECK(parse_spec(json::serialize(config)).has_value());
  CHECK(range_error(341, 2) == "config.json: linux.uidMappings: more than 340 ranges");
  CHECK(range_error(2, 1) == "config.json: linux.uidMappings: ranges overlap");
}

}  // namespace bothy::container

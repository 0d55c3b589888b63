#include "vmm/machine/machine_json.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"
#include "vmm/machine/device_kinds.h"

namespace bothy {
namespace {

Result<MachineConfig> parsed(const char* json) {
  MachineConfig config;
  BOTHY_TRY(from_json(boost::json::parse(json).as_object(), config));
  return config;
}

}  // namespace

TEST_CASE("A machine with every device survives the way through JSON") {
  const MachineConfig config = parsed(R"({
      "kernel":"a b","initrd":["x","y"],"cmdline":"quiet","kernel-payload":"keep","cpus":2,
      "cpu-features":"+svm,+pmu","core-scheduling":true,
      "memory":"1G","memory-backing":"shared","console":{"kind":"serial","file":"/f"},
      "disk":[{"path":"a,b","ro":true,"iops":100},"c,ro"],"net":[{"tap":true},"user"],
      "fs":[{"tag":"one","directory":"/a,b","ro":false}],"port":["agent"],"rng":true,
      "vsock":{"path":"/v","cid":4},"balloon":{"size":"64M"}})")
                                   .value();
  CHECK(config.vcpus == 2);
  CHECK(config.cpu_features.has(arch::CpuFeature::kPmu));
  CHECK(config.core_scheduling);
  CHECK(config.devices.size() == 9);
  CHECK(validate(config).has_value());
  const auto json = to_json(config);
  CHECK(json.at("disk").at(0).at("path") == "a,b");
  CHECK(json.at("disk").at(1).at("id") == "disk1");
  CHECK(json.at("cpu-features") == "+svm,+pmu");
  CHECK(json.at("memory") == 1ULL << 30U);
  MachineConfig again;
  REQUIRE(from_json(json, again));
  CHECK(to_json(again) == json);
}

TEST_CASE("A plain machine's JSON has every default, and no device") {
  const auto json = to_json(parsed(R"({"kernel":"k","cmdline":"","balloon":{}})").value());
  CHECK(
      boost::json::serialize(json) ==
      R"({"kernel":"k","initrd":[],"cmdline":"","kernel-payload":"unpack","cpus":1,)"
      R"("cpu-features":"","core-scheduling":false,"memory":536870912,"memory-backing":"anonymous","console":"auto","port":[],"disk":[],)"
      R"("net":[],"rng":false,"fs":[]})");
}

TEST_CASE("Memory is shared where a device needs that and the user chose nothing") {
  MachineConfig config = parsed(R"({"kernel":"k","fs":["a=/x"]})").value();
  CHECK(memory_backing(config) == MemoryBacking::kShared);
  CHECK(validate(config).has_value());
  config.backing = MemoryBacking::kAnonymous;
  CHECK(validate(config).has_error());
}

TEST_CASE("Invalid members are refused with their names") {
  const auto [text, name] = GENERATE(table<const char*, const char*>({
      {R"({"cpus":1.5})", "'cpus'"},
      {R"({"cpus":null})", "'cpus'"},
      {R"({"cpus":"two"})", "--cpus"},
      {R"({"memory":"lots"})", "--memory"},
      {R"({"memory-backing":"disk"})", "--memory-backing"},
      {R"({"kernel-payload":"drop"})", "--kernel-payload"},
      {R"({"console":"teletype"})", "--console"},
      {R"({"disk":[[]]})", "'disk'"},
      {R"({"disk":[true]})", "'disk'"},
      {R"({"disk":{"path":[]}})", "'disk.path'"},
      {R"({"disk":{"path":"x","colour":"red"}})", "colour"},
      {R"({"rng":"yes"})", "'rng'"},
      {R"({"colour":"red"})", "'colour'"},
      {R"({"a=b":"x"})", "'a=b'"},
      {R"({"":"x"})", "''"},
  }));
  const auto config = parsed(text);
  CAPTURE(text);
  REQUIRE(config.has_error());
  CHECK(config.error().code == ErrorCode::kInvalid);
  CHECK(config.error().context.find(name) != std::string::npos);
}

}  // namespace bothy

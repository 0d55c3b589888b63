#include "cli/boot/flags.h"

#include <CLI/CLI.hpp>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "vmm/machine/device_kinds.h"
#include "vmm/machine/machine_json.h"

namespace bothy {
namespace {

Result<BootOptions> parsed(std::vector<std::string> arguments) {
  CLI::App boot;
  BootFlags flags;
  add_boot_flags(boot, flags);
  std::reverse(arguments.begin(), arguments.end());
  boot.parse(arguments);
  return resolve(flags);
}

std::size_t count(const BootOptions& options, const char* kind) {
  return devices_of(options.machine, *find_device_kind(kind)).size();
}

}  // namespace

TEST_CASE("Flags of a machine: the last of a single value counts, devices add up") {
  const BootOptions options =
      parsed({"--kernel", "a",    "--kernel", "b", "--cpus",   "2",     "--memory",  "1G",
              "--disk",   "x,ro", "--disk",   "y", "--rng",    "--rng", "--vsock",   "/v",
              "--vsock",  "/w",   "--initrd", "i", "--initrd", "j",     "--timeout", "5s"})
          .value();
  CHECK(options.machine.kernel == "b");
  CHECK(options.machine.vcpus == 2);
  CHECK(options.machine.memory == 1ULL << 30U);
  CHECK(options.machine.initrds == std::vector<std::string>{"i", "j"});
  CHECK(count(options, "disk") == 2);
  CHECK(count(options, "rng") == 1);
  CHECK(count(options, "vsock") == 1);
  CHECK(options.timeout == std::chrono::seconds(5));
  const auto json = to_json(options.machine);
  CHECK(json.at("vsock").at("path") == "/w");
  CHECK(json.at("disk").at(1).at("id") == "disk1");
}

TEST_CASE("The command line's values win over a machine file's, and its devices are added") {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write(
      "machine.json", R"({"kernel":"k","cpus":2,"initrd":["x"],"disk":["a"],"vsock":"/v"})");
  const BootOptions options =
      parsed({"--cpus", "4", "--disk", "b", "--vsock", "/w", "--config", file}).value();
  CHECK(options.machine.kernel == "k");
  CHECK(options.machine.vcpus == 4);
  const auto json = to_json(options.machine);
  CHECK(json.at("disk").at(0).at("path") == "a");
  CHECK(json.at("disk").at(1).at("path") == "b");
  CHECK(json.at("vsock").at("path") == "/w");
}

TEST_CASE("Invalid flags are refused with the flag's name") {
  const auto [arguments, name] = GENERATE(table<std::vector<std::string>, const char*>({
      {{}, "--kernel"},
      {{"--kernel", "k", "--cpus", "many"}, "--cpus"},
      {{"--kernel", "k", "--cpus", "0"}, "--cpus"},
      {{"--kernel", "k", "--memory", "lots"}, "--memory"},
      {{"--kernel", "k", "--memory-backing", "disk"}, "--memory-backing"},
      {{"--kernel", "k", "--kernel-payload", "drop"}, "--kernel-payload"},
      {{"--kernel", "k", "--console", "teletype"}, "--console"},
      {{"--kernel", "k", "--disk", ""}, "--disk"},
      {{"--kernel", "k", "--timeout", "soon"}, "--timeout"},
      {{"--kernel", "k", "--on-reboot", "halt"}, "--on-reboot"},
  }));
  const auto options = parsed(arguments);
  REQUIRE(options.has_error());
  CHECK(options.error().code == ErrorCode::kInvalid);
  CHECK(options.error().context.find(name) != std::string::npos);
}

TEST_CASE("Every kind of device has a flag") {
  CLI::App boot;
  BootFlags flags;
  add_boot_flags(boot, flags);
  for (const DeviceKind* kind : device_kinds()) {
    INFO(kind->flag().name);
    CHECK(boot.get_option_no_throw("--" + std::string(kind->flag().name)) != nullptr);
  }
}

}  // namespace bothy

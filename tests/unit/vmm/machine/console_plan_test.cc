#include "vmm/machine/console_plan.h"

#include "tests/support/catch.h"

namespace bothy {
namespace {

ConsolePlan plan(ConsoleKind kind, const std::string& cmdline = "quiet") {
  MachineConfig config;
  config.console.kind = kind;
  config.cmdline = cmdline;
  return plan_console(config);
}

constexpr std::string_view kVirtioWords = "console=hvc0 8250.nr_uarts=0";
constexpr std::string_view kEarly = "earlycon=uart8250,io,0x3f8";

}  // namespace

TEST_CASE("By itself the console is virtio where the kernel has the driver, else serial") {
  const ConsolePlan automatic = plan(ConsoleKind::kAuto);
  CHECK(automatic.serial);
  CHECK(automatic.virtio);
  CHECK(automatic.with_driver.kind == ConsoleKind::kVirtio);
  CHECK(automatic.with_driver.words.first == kVirtioWords);
  CHECK(automatic.with_driver.words.last == kEarly);
  CHECK(automatic.without_driver.kind == ConsoleKind::kSerial);
  CHECK(automatic.without_driver.words.first == "console=ttyS0");
  CHECK(automatic.without_driver.words.last.empty());
}

TEST_CASE("A console that is asked for is there whatever the kernel has") {
  const ConsolePlan serial = plan(ConsoleKind::kSerial);
  CHECK(serial.serial);
  CHECK_FALSE(serial.virtio);
  CHECK(serial.with_driver == serial.without_driver);
  CHECK(serial.with_driver.kind == ConsoleKind::kSerial);

  const ConsolePlan virtio = plan(ConsoleKind::kVirtio);
  CHECK(virtio.with_driver.words.first == kVirtioWords);
  CHECK(virtio.without_driver.kind == ConsoleKind::kVirtio);
  CHECK(virtio.without_driver.words.first == "console=ttyS0 console=hvc0");

  const ConsolePlan none = plan(ConsoleKind::kOff);
  CHECK_FALSE(none.serial);
  CHECK_FALSE(none.virtio);
  CHECK(none.with_driver.words.first == "console=null");
  CHECK(none.with_driver == none.without_driver);
}

TEST_CASE("A console= of the user's own decides, and leaves the words to the user") {
  const ConsolePlan serial = plan(ConsoleKind::kAuto, "console=ttyS0,115200");
  CHECK_FALSE(serial.virtio);
  CHECK(serial.with_driver == serial.without_driver);
  CHECK(serial.with_driver.words == boot::KernelDependentWords::Words{});

  const ConsolePlan virtio = plan(ConsoleKind::kAuto, "console=ttyS0 console=hvc0 -- console=tty1");
  CHECK(virtio.virtio);
  CHECK(virtio.without_driver.kind == ConsoleKind::kVirtio);
  CHECK(virtio.with_driver.words == boot::KernelDependentWords::Words{});

  CHECK(plan(ConsoleKind::kAuto, "-- console=ttyS0").with_driver.kind == ConsoleKind::kVirtio);
  CHECK(plan(ConsoleKind::kVirtio, "console=ttyS0").with_driver.kind == ConsoleKind::kVirtio);
  CHECK_FALSE(plan(ConsoleKind::kOff, "console=hvc0").virtio);
}

TEST_CASE("Without ACPI, by which Linux finds virtio devices, the console is serial") {
  CHECK(plan(ConsoleKind::kAuto, "acpi=off") == plan(ConsoleKind::kSerial));
  CHECK(plan(ConsoleKind::kAuto, "acpi=force").virtio);
}

TEST_CASE("Early output of the user's own is not doubled") {
  CHECK(plan(ConsoleKind::kAuto, "earlyprintk=ttyS0").with_driver.words.last.empty());
}

TEST_CASE("Ports need names of their own, of letters that a path takes") {
  MachineConfig config;
  config.kernel = "vmlinux";
  config.ports = {{"agent.0", false, {}}, {"org.qemu:x-y_z", true, {}}};
  CHECK(validate(config).has_value());
  for (const char* name : {"", "a/b", "agent.0", "a b", "\n"}) {
    INFO(name);
    config.ports[1].name = name;
    CHECK(validate(config).has_error());
  }
  config.ports[1].name = std::string(64, 'x');
  CHECK(validate(config).has_error());
  config.ports.clear();
  for (int i = 0; i < 17; ++i) {
    config.ports.push_back({std::to_string(i), false, {}});
  }
  CHECK(validate(config).has_error());
}

}  // namespace bothy

#include "vmm/machine/console_plan.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace bothy {
namespace {

ConsolePlan plan(ConsoleKind kind, const std::string& cmdline = "quiet") {
  MachineConfig config;
  config.console.kind = kind;
  config.cmdline = cmdline;
  return plan_console(config);
}

constexpr std::string_view kVirtioParameters = "console=hvc0 8250.nr_uarts=0";
constexpr std::string_view kEarly = "earlycon=uart8250,io,0x3f8";

}  // namespace

TEST_CASE(
    "The automatic console is virtio where the kernel has the drivers built in, else serial") {
  const ConsolePlan automatic = plan(ConsoleKind::kAuto);
  CHECK(automatic.serial);
  CHECK(automatic.virtio);
  CHECK(automatic.with_drivers.kind == ConsoleKind::kVirtio);
  CHECK(automatic.with_drivers.parameters.first == kVirtioParameters);
  CHECK(automatic.with_drivers.parameters.last == kEarly);
  CHECK(automatic.without_drivers.kind == ConsoleKind::kSerial);
  CHECK(automatic.without_drivers.parameters.first == "console=ttyS0");
  CHECK(automatic.without_drivers.parameters.last.empty());
}

TEST_CASE("A virtio console depends on the drivers of the console and of its transport") {
  const auto texts = virtio_console_texts();
  // Debian 13's kernels contain the first text, not the second.
  CHECK(std::ranges::count(texts, "virtio-portsdev") == 1);
  CHECK(std::ranges::count(texts, "LNRO0005") == 1);
}

TEST_CASE("An explicit console kind does not depend on the kernel") {
  const ConsolePlan serial = plan(ConsoleKind::kSerial);
  CHECK(serial.serial);
  CHECK_FALSE(serial.virtio);
  CHECK(serial.with_drivers == serial.without_drivers);
  CHECK(serial.with_drivers.kind == ConsoleKind::kSerial);

  const ConsolePlan virtio = plan(ConsoleKind::kVirtio);
  CHECK(virtio.with_drivers.parameters.first == kVirtioParameters);
  CHECK(virtio.without_drivers.kind == ConsoleKind::kVirtio);
  CHECK(virtio.without_drivers.parameters.first == "console=ttyS0 console=hvc0");

  const ConsolePlan none = plan(ConsoleKind::kOff);
  CHECK_FALSE(none.serial);
  CHECK_FALSE(none.virtio);
  CHECK(none.with_drivers.parameters.first == "console=null");
  CHECK(none.with_drivers == none.without_drivers);
}

TEST_CASE("A console= parameter of the user selects the console, and no parameters are added") {
  const ConsolePlan serial = plan(ConsoleKind::kAuto, "console=ttyS0,115200");
  CHECK_FALSE(serial.virtio);
  CHECK(serial.with_drivers == serial.without_drivers);
  CHECK(serial.with_drivers.parameters == boot::KernelDependentParameters::Parameters{});

  const ConsolePlan virtio = plan(ConsoleKind::kAuto, "console=ttyS0 console=hvc0 -- console=tty1");
  CHECK(virtio.virtio);
  CHECK(virtio.without_drivers.kind == ConsoleKind::kVirtio);
  CHECK(virtio.with_drivers.parameters == boot::KernelDependentParameters::Parameters{});

  CHECK(plan(ConsoleKind::kAuto, "-- console=ttyS0").with_drivers.kind == ConsoleKind::kVirtio);
  CHECK(plan(ConsoleKind::kVirtio, "console=ttyS0").with_drivers.kind == ConsoleKind::kVirtio);
  CHECK_FALSE(plan(ConsoleKind::kOff, "console=hvc0").virtio);
}

TEST_CASE("Without ACPI the automatic console is serial") {
  CHECK(plan(ConsoleKind::kAuto, "acpi=off") == plan(ConsoleKind::kSerial));
  CHECK(plan(ConsoleKind::kAuto, "acpi=force").virtio);
}

TEST_CASE("earlyprintk of the user keeps earlycon out") {
  CHECK(plan(ConsoleKind::kAuto, "earlyprintk=ttyS0").with_drivers.parameters.last.empty());
}

}  // namespace bothy

#include "cli/boot/describe_machine.h"

#include "cli/boot/devices/balloon.h"
#include "cli/boot/devices/console.h"
#include "cli/boot/devices/disk.h"
#include "cli/boot/devices/fs.h"
#include "cli/boot/devices/net.h"
#include "cli/boot/devices/vsock.h"

namespace bothy {
namespace {

std::string_view name_of(MemoryBacking backing) noexcept {
  switch (backing) {
    case MemoryBacking::kShared:
      return "shared";
    case MemoryBacking::kSharedHuge:
      return "hugepages";
    case MemoryBacking::kAnonymous:
      break;
  }
  return "anonymous";
}

}  // namespace

boost::json::object describe_machine(const BootOptions& options) {
  const MachineConfig& machine = options.machine;
  boost::json::object object;
  object["kernel"] = machine.kernel;
  object["initrd"] = boost::json::array(machine.initrds.begin(), machine.initrds.end());
  object["cmdline"] = machine.cmdline;
  object["kernel-payload"] = machine.unpack_kernel ? "unpack" : "keep";
  object["cpus"] = machine.vcpus;
  object["memory"] = machine.memory;
  object["memory-backing"] = name_of(machine.backing);
  object["disk"] = describe(machine.disks);
  object["net"] = describe(machine.nets);
  object["fs"] = describe(machine.shares);
  object["console"] = describe(machine.console);
  boost::json::array ports;
  for (const PortConfig& port : machine.ports) {
    ports.push_back(describe(port));
  }
  object["port"] = std::move(ports);
  object["rng"] = machine.rng;
  if (machine.vsock) {
    object["vsock"] = describe(*machine.vsock);
  }
  if (machine.balloon) {
    object["balloon"] = describe(*machine.balloon);
  }
  object["on-reboot"] = options.restart_on_reboot ? "restart" : "exit";
  if (options.timeout) {
    object["timeout"] = fmt::format("{}ms", options.timeout->count());
  }
  if (!options.control.empty()) {
    object["control"] = options.control;
  }
  return object;
}

}  // namespace bothy

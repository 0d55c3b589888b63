#include "cli/boot/flags.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "cli/boot/machine_file.h"
#include "devices/virtio/console/kind.h"
#include "vmm/machine/device_kinds.h"
#include "vmm/machine/machine_json.h"

namespace bothy {
namespace {

constexpr const char* kKernelGroup = "Kernel";
constexpr const char* kMachineGroup = "Machine";
constexpr const char* kDeviceGroup = "Devices";
constexpr const char* kRunGroup = "Run";

CLI::Option* add_text(CLI::App& boot, const char* name, std::optional<std::string>& target,
                      const char* type, const char* help) {
  return boot.add_option(name, target, help)->type_name(type);
}

void add_kernel_flags(CLI::App& boot, BootFlags& flags) {
  boot.option_defaults()->group(kKernelGroup);
  add_text(boot, "--kernel", flags.kernel, "FILE",
           "Kernel (required): ELF vmlinux or bzImage, plain or compressed");
  boot.add_option("--initrd", flags.initrds, "Initial RAM disk (repeatable: concatenated)")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  add_text(boot, "--cmdline", flags.cmdline, "STRING",
           "Kernel command line; its parameters override bothy's defaults");
  add_text(boot, "--kernel-payload", flags.payload, "HOW",
           "A bzImage's payload: unpack it and boot it directly, or keep it to the guest's own "
           "decompressor")
      ->default_str("unpack");
}

void add_machine_flags(CLI::App& boot, BootFlags& flags) {
  boot.option_defaults()->group(kMachineGroup);
  add_text(boot, "--cpus", flags.cpus, "N", "Number of vCPUs")->default_str("1");
  add_text(boot, "--cpu-features", flags.cpu_features, "LIST",
           "The processor: host, x86-64-v2 or x86-64-v3; and optional features, as +NAME or "
           "-NAME: vmx, svm (nested virtualization), pmu, sgx")
      ->default_str("host, features off");
  boot.add_flag("--core-scheduling", flags.core_scheduling,
                "Let no other process use a core's other hardware threads beside the guest");
  add_text(boot, "--memory", flags.memory, "SIZE", "RAM in bytes, or with K, M or G")
      ->default_str("512M");
  add_text(boot, "--memory-backing", flags.backing, "KIND",
           "RAM on the host: anonymous, shared (a memfd) or hugepages")
      ->default_str("anonymous, or shared with --fs");
}

void add_device_flags(CLI::App& boot, BootFlags& flags) {
  boot.option_defaults()->group(kDeviceGroup);
  add_text(boot, "--console", flags.console, "KIND[,pty|,file=PATH|,socket=PATH]",
           "The guest's console: serial, virtio, auto (virtio where the kernel has its driver "
           "built in) or off; on stdin and stdout, or at a pty, a file or a socket")
      ->default_str("auto");
  for (const DeviceKind* kind : device_kinds()) {
    const DeviceKind::Flag& flag = kind->flag();
    const std::string name = fmt::format("--{}", flag.name);
    const std::string help(flag.help);
    CLI::Option* option = nullptr;
    if (flag.use == DeviceKind::Use::kSwitch) {
      option = boot.add_flag(name)->description(help);
    } else {
      option = boot.add_option(name)
                   ->description(help)
                   ->type_name(std::string(flag.value))
                   ->expected(1)
                   ->take_all();
    }
    flags.devices.push_back({kind, option});
  }
}

void add_run_flags(CLI::App& boot, BootFlags& flags) {
  boot.option_defaults()->group(kRunGroup);
  boot.add_option("--config", flags.configs,
                  "Machine file: flags as a JSON object, {\"kernel\": \"vmlinux\", \"cpus\": 2} "
                  "(repeatable)")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  add_text(boot, "--timeout", flags.timeout, "DURATION",
           "End the guest after this time (250ms, 30s, 5m), with status 124");
  add_text(boot, "--on-reboot", flags.on_reboot, "ACTION",
           "When the guest reboots: exit or restart")
      ->default_str("exit");
  add_text(boot, "--control", flags.control, "PATH",
           "Unix socket that controls the running machine (see `bothy control`)");
  add_text(boot, "--sandbox", flags.sandbox, "on|off",
           "Confinement of bothy's own process; off is for debugging")
      ->default_str("on");
  boot.add_flag("--boot-timer", flags.boot_timer,
                "Print the time until the guest's init wrote the boot marker");
  boot.add_flag("--dry-run", flags.dry_run,
                "Print the machine as a machine file for --config, and exit");
  boot.add_flag("--json", flags.json,
                "Print a JSON object about the run on stdout; the console goes to stderr");
}

// Calls `parse` with a flag's text, if it was given, and keeps what it returns.
template <class Target, class Parse>
Result<void> apply(const std::optional<std::string>& text, Target& target, const Parse& parse) {
  if (text) {
    BOTHY_TRY(target, parse(*text));
  }
  return success();
}

Result<void> apply_devices(const BootFlags& flags, MachineConfig& machine) {
  for (const auto& [kind, option] : flags.devices) {
    if (kind->flag().use == DeviceKind::Use::kSwitch) {
      if (option->count() > 0 && option->as<bool>()) {
        BOTHY_TRY(DeviceConfig device, kind->parse({}, 0));
        add_device(machine, std::move(device));
      }
      continue;
    }
    for (const std::string& text : option->results()) {
      BOTHY_TRY(DeviceConfig device, kind->parse(text, devices_of(machine, *kind).size()));
      add_device(machine, std::move(device));
    }
  }
  return success();
}

Result<void> apply_machine_flags(const BootFlags& flags, MachineConfig& machine) {
  machine.kernel = flags.kernel.value_or(machine.kernel);
  machine.initrds.insert(machine.initrds.end(), flags.initrds.begin(), flags.initrds.end());
  machine.cmdline = flags.cmdline.value_or(machine.cmdline);
  BOTHY_TRY(apply(flags.payload, machine.unpack_kernel, parse_kernel_payload));
  BOTHY_TRY(apply(flags.cpus, machine.vcpus, parse_vcpus));
  BOTHY_TRY(apply(flags.cpu_features, machine.cpu_features, arch::CpuFeatures::parse));
  machine.core_scheduling = machine.core_scheduling || flags.core_scheduling;
  BOTHY_TRY(apply(flags.memory, machine.memory, parse_memory));
  BOTHY_TRY(apply(flags.backing, machine.backing, parse_memory_backing));
  BOTHY_TRY(apply(flags.console, machine.console, parse_console));
  return apply_devices(flags, machine);
}

}  // namespace

void add_boot_flags(CLI::App& boot, BootFlags& flags) {
  // As elsewhere: of a flag that is given twice, the last one counts.
  boot.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_kernel_flags(boot, flags);
  add_machine_flags(boot, flags);
  add_device_flags(boot, flags);
  add_run_flags(boot, flags);
}

Result<BootOptions> resolve(const BootFlags& flags) {
  BootOptions options;
  for (const std::string& path : flags.configs) {
    BOTHY_TRY(apply_machine_file(path, options));
  }
  BOTHY_TRY(apply_machine_flags(flags, options.machine));
  BOTHY_TRY(apply(flags.timeout, options.timeout, parse_timeout));
  BOTHY_TRY(apply(flags.on_reboot, options.restart_on_reboot, parse_on_reboot));
  BOTHY_TRY(apply(flags.sandbox, options.sandbox, sandbox::parse_mode));
  options.control = flags.control.value_or(options.control);
  options.boot_timer |= flags.boot_timer;
  options.json |= flags.json;
  options.dry_run |= flags.dry_run;
  BOTHY_TRY(validate(options.machine));
  return options;
}

}  // namespace bothy

#include "cli/boot/command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/boot/devices/balloon.h"
#include "cli/boot/devices/console.h"
#include "cli/boot/devices/disk.h"
#include "cli/boot/devices/fs.h"
#include "cli/boot/devices/net.h"
#include "cli/boot/devices/vsock.h"
#include "cli/boot/options.h"
#include "cli/boot/session.h"
#include "cli/units.h"

namespace bothy {
namespace {

// CLI11 reports a validator's text as the error of its flag, which it names itself.
std::string without_flag(const std::string& text) {
  const std::size_t end = text.find(": ");
  const bool named = text.starts_with("--") && end != std::string::npos && text.find(' ') > end;
  return named ? text.substr(end + 2) : text;
}

template <class T>
CLI::Validator checked_by(Result<T> (*parse)(std::string_view), const std::string& type_name) {
  return {[parse](std::string& text) {
            const auto parsed = parse(text);
            return parsed ? std::string() : without_flag(parsed.error().context);
          },
          type_name};
}

struct BootFlags {
  BootOptions options;
  std::string memory = "512M";
  std::string timeout;
  std::string console = "auto";
  std::vector<std::string> ports;
  std::string backing;  // empty: what the devices need
  std::string on_reboot = "exit";
  std::string payload = "unpack";
  std::vector<std::string> disks;
  std::vector<std::string> nets;
  std::vector<std::string> shares;
  std::string vsock;
  std::string balloon;
};

MemoryBacking backing_from(const std::string& name, bool is_shared) {
  if (name == "shared" || (name.empty() && is_shared)) {
    return MemoryBacking::kShared;
  }
  return name == "hugepages" ? MemoryBacking::kSharedHuge : MemoryBacking::kAnonymous;
}

// The validators have seen to it that every text parses.
BootOptions resolve(const BootFlags& flags) {
  BootOptions options = flags.options;
  options.machine.memory = parse_size(flags.memory).value();
  options.machine.backing = backing_from(flags.backing, !flags.shares.empty());
  options.machine.console = parse_console(flags.console).value();
  for (const std::string& port : flags.ports) {
    options.machine.ports.push_back(parse_port(port).value());
  }
  options.machine.unpack_kernel = flags.payload == "unpack";
  options.machine.disks = parse_disks(flags.disks);
  options.machine.nets = parse_nets(flags.nets);
  options.machine.shares = parse_shares(flags.shares);
  options.restart_on_reboot = flags.on_reboot == "restart";
  if (!flags.vsock.empty()) {
    options.machine.vsock = parse_vsock(flags.vsock).value();
  }
  if (!flags.balloon.empty()) {
    options.machine.balloon = parse_balloon(flags.balloon).value();
  }
  if (!flags.timeout.empty()) {
    options.timeout = parse_duration(flags.timeout).value();
  }
  return options;
}

void add_flags(CLI::App& boot, BootFlags& flags) {
  // As everywhere else: of a flag that is given twice, the last one counts.
  boot.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  MachineConfig& machine = flags.options.machine;
  boot.add_option("--kernel", machine.kernel, "Kernel: ELF vmlinux, bzImage, or either compressed")
      ->type_name("FILE")
      ->required();
  boot.add_option("--initrd", machine.initrds, "Initial RAM disk; several are concatenated")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  boot.add_option("--cmdline", machine.cmdline,
                  "Kernel command line; what it says wins over bothy's defaults")
      ->type_name("STR");
  boot.add_option("--cpus", machine.vcpus, "Number of vCPUs")
      ->type_name("N")
      ->capture_default_str();
  boot.add_option("--memory", flags.memory, "RAM, with K, M or G")
      ->check(checked_by(parse_size, "SIZE"))
      ->capture_default_str();
  boot.add_option("--memory-backing", flags.backing,
                  "What RAM is made of on the host: anonymous, shared (a memfd) or hugepages")
      ->check(CLI::IsMember({"anonymous", "shared", "hugepages"}))
      ->type_name("KIND")
      ->default_str("anonymous, or shared with --fs");
  boot.add_option(
          "--console", flags.console,
          "The guest's console: serial, virtio, auto (virtio where the kernel has its "
          "driver built in) or off; on stdin and stdout, unless at a pty, a file or a socket")
      ->check(checked_by(parse_console, "KIND[,pty|,file=PATH|,socket=PATH]"))
      ->capture_default_str();
  boot.add_option("--disk", flags.disks,
                  "A disk of a raw file or a block device; may be given several times. Also: "
                  "direct, cache=writeback|unsafe, iops=N, bps=SIZE, queues=N, format=raw")
      ->check(checked_by(parse_disk, "PATH[,ro][,id=NAME]..."))
      ->expected(1)
      ->take_all();
  boot.add_option("--net", flags.nets,
                  "A network device; may be given several times. Also: mac=ADDRESS, queues=N, "
                  "mtu=N, iops=N and bps=SIZE, or of one direction rx-iops=N ...")
      ->check(checked_by(parse_net, "tap[=NAME]|user|fd=N[,mac=ADDRESS]..."))
      ->expected(1)
      ->take_all();
  boot.add_option("--fs", flags.shares,
                  "A directory of the host, for mount -t virtiofs TAG ...; may be given several "
                  "times")
      ->check(checked_by(parse_share, "TAG=DIR[,ro]"))
      ->expected(1)
      ->take_all();
  boot.add_option("--port", flags.ports,
                  "A virtio port of the guest (/dev/virtio-ports/NAME), or another console, at a "
                  "pty, a file or a socket; may be given several times")
      ->check(checked_by(parse_port, "NAME[,console][,pty|,file=PATH|,socket=PATH]"))
      ->expected(1)
      ->take_all();
  boot.add_flag("--rng", machine.rng, "A virtio entropy device, fed by the host's kernel");
  boot.add_option("--vsock", flags.vsock,
                  "The guest's vsock ports as unix sockets of the host, at PATH and PATH_<port>")
      ->check(checked_by(parse_vsock, "PATH[,cid=N]"));
  boot.add_option("--balloon", flags.balloon,
                  "A memory balloon, that takes SIZE from the guest. Also: deflate-on-oom, "
                  "free-page-reporting, stats=SECONDS")
      ->check(checked_by(parse_balloon, "size=SIZE,..."));
  boot.add_option("--kernel-payload", flags.payload,
                  "A bzImage's payload: unpack it here and boot it directly, or keep it to the "
                  "guest's own decompressor")
      ->check(CLI::IsMember({"unpack", "keep"}))
      ->type_name("HOW")
      ->capture_default_str();
  boot.add_option("--timeout", flags.timeout, "End the guest after this long, with status 124")
      ->check(checked_by(parse_duration, "DURATION"));
  boot.add_option("--on-reboot", flags.on_reboot, "When the guest reboots: exit or restart")
      ->check(CLI::IsMember({"exit", "restart"}))
      ->type_name("ACTION")
      ->capture_default_str();
  boot.add_flag("--boot-timer", flags.options.boot_timer,
                "Say how long it took until the guest's init wrote the boot marker");
  boot.add_option("--control", flags.options.control,
                  "A unix socket by which the running machine is controlled (bothy control)")
      ->type_name("PATH");
  // Replaced by what the file says before flags are parsed: here for the help alone.
  boot.add_option("--config")
      ->description("Flags as a JSON object: {\"kernel\": \"vmlinux\", \"cpus\": 2}")
      ->type_name("FILE");
  boot.add_flag("--dry-run", flags.options.dry_run,
                "Print the machine that would be booted, as a file for --config, and end");
  boot.add_flag("--json", flags.options.json,
                "Print one JSON object about the run on stdout; the console goes to stderr");
}

}  // namespace

void add_boot_command(CLI::App& app, int& status) {
  CLI::App* boot = app.add_subcommand("boot", "Boot a kernel in a bare microVM");
  auto flags = std::make_shared<BootFlags>();
  add_flags(*boot, *flags);
  boot->footer(
      "On a terminal, Ctrl-A x ends the guest and Ctrl-A h shows more keys.\n"
      "Exit status: 0 power-off or reboot, 120 panic, 121 triple fault, 122 vCPU failure, 124 "
      "timeout,\n"
      "125 bothy's own failure, 126 unusable kernel or initrd, 127 not found, 128+N ended by "
      "signal N.");
  boot->callback([flags, &status] { status = run_boot(resolve(*flags)); });
}

}  // namespace bothy

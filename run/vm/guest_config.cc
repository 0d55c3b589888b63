#include "run/vm/guest_config.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "devices/virtio/block/kind.h"
#include "devices/virtio/fs/kind.h"
#include "devices/virtio/net/kind.h"
#include "devices/virtio/vsock/kind.h"
#include "guest/embed/config_writer.h"
#include "run/vm/scratch_disk.h"

namespace bothy::run {
namespace {

// The addresses of the user network, set in passt and in the guest: the guest needs no DHCP.
constexpr std::string_view kInterfaceName = "eth0";
constexpr std::string_view kAddress = "10.0.2.15";
constexpr std::string_view kPrefix = "24";
constexpr std::string_view kGateway = "10.0.2.2";
constexpr std::string_view kResolver = "10.0.2.3";

constexpr std::uint64_t kDefaultMillicpus = 1000;
constexpr std::uint64_t kDefaultMemory = 512ULL << 20U;

// An early console alone: it shows the last lines of a kernel that panics. Each character on a
// console that a driver sets up would cost every run an exit or two.
constexpr std::string_view kKernelParameters =
    "loglevel=3 console=null earlycon=uart8250,io,0x3f8 keep_bootcon 8250.nr_uarts=0";

std::string resolv_conf(const RunOptions& options) {
  std::string text;
  for (const std::string& server : options.dns) {
    text += "nameserver " + server + "\n";
  }
  return text.empty() ? fmt::format("nameserver {}\n", kResolver) : text;
}

std::string hosts(const RunOptions& options) {
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  const std::string_view own = options.network == Network::kUser ? kAddress : "127.0.0.1";
  return text + fmt::format("{}\t{}\n", own, options.hostname);
}

// The ports of one protocol as passt's flags have them: "ADDRESS/HOST:GUEST,...", or "none".
std::string passt_ports(const std::vector<PublishedPort>& ports, bool udp) {
  std::string text;
  for (const PublishedPort& port : ports) {
    if (port.udp == udp) {
      text += (text.empty() ? "" : ",") + (port.address.empty() ? "" : port.address + "/") +
              fmt::format("{}:{}", port.host, port.guest);
    }
  }
  return text.empty() ? "none" : text;
}

// As many as make the guest's generator ready; none while the host's own isn't ready.
std::string random_bytes() {
  std::string bytes(32, '\0');
  const ssize_t got = ::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

std::string volume_tag(std::size_t index) {
  return fmt::format("volume{}", index);
}

std::size_t depth_of(std::string_view path) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    depth += path[i] != '/' && (i == 0 || path[i - 1] == '/') ? 1 : 0;
  }
  return depth;
}

// A file's directory, and its name there.
std::pair<std::string, std::string> split_file(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// As Docker does: a deeper target is mounted later, whatever the order of the flags.
void add_mounts(const RunOptions& options, guest::ConfigWriter& records) {
  struct Mount {
    std::string type;
    std::string source;
    std::string target;
    std::string options;
  };
  std::vector<Mount> mounts;
  for (const TmpfsMount& mount : options.tmpfs) {
    mounts.push_back({"tmpfs", "tmpfs", mount.target, mount.options});
  }
  for (std::size_t i = 0; i < options.volumes.size(); ++i) {
    const Volume& volume = options.volumes[i];
    std::string source = volume_tag(i);
    if (volume.file) {
      source += "/" + split_file(volume.source).second;
    }
    mounts.push_back({"virtiofs", source, volume.target, volume.read_only ? "ro" : ""});
  }
  std::ranges::stable_sort(mounts, {}, [](const Mount& mount) { return depth_of(mount.target); });
  for (const Mount& mount : mounts) {
    records.add_strings(agent::kMount, {mount.type, mount.source, mount.target, mount.options});
  }
}

NetConfig user_network(const RunOptions& options) {
  NetConfig net;
  net.backend = NetBackendKind::kUser;
  net.on_demand = options.ports.empty();  // published ports are open from the start
  net.passt = {"--ipv4-only",
               "--address",
               std::string(kAddress),
               "--netmask",
               std::string(kPrefix),
               "--gateway",
               std::string(kGateway),
               "--dns-forward",
               std::string(kResolver),
               "--no-dhcp",
               "--no-map-gw",
               "--tcp-ports",
               passt_ports(options.ports, false),
               "--udp-ports",
               passt_ports(options.ports, true)};
  return net;
}

}  // namespace

guest::ConfigWriter process_records(const ProcessSpec& process, std::uint64_t token,
                                    const std::vector<Rlimit>& rlimits) {
  guest::ConfigWriter records;
  for (const std::string& argument : process.arguments) {
    records.add(agent::kArgument, argument);
  }
  for (const std::string& variable : process.environment) {
    records.add(agent::kEnvironment, variable);
  }
  records.add(agent::kDirectory, process.directory);
  if (!process.user.empty()) {
    records.add(agent::kUser, process.user);
  }
  if (process.terminal) {
    records.add_terminal(process.columns, process.rows);
  }
  if (process.interactive) {
    records.add(agent::kInput);
  }
  records.add(agent::kToken, token);
  for (const Rlimit& limit : rlimits) {
    records.add(agent::kRlimit, agent::RlimitValue{limit.resource, 0, limit.soft, limit.hard});
  }
  return records;
}

std::string guest_config(const RunOptions& options, const ProcessSpec& process, std::uint64_t token,
                         const std::vector<std::string>& modules) {
  guest::ConfigWriter records = guest::ConfigWriter::configuration();
  for (const std::string& module : modules) {
    records.add(agent::kModule, module);
  }
  records.add(agent::kSeed, random_bytes());
  records.add(agent::kRootDevice, "/dev/vda");
  if (options.storage > 0) {
    records.add(agent::kScratchDevice, "/dev/vdb");
  }
  if (options.read_only) {
    records.add(agent::kReadOnly);
  }
  records.add(agent::kHostname, options.hostname);
  if (options.network == Network::kUser) {
    records.add_strings(agent::kInterface, {kInterfaceName, kAddress, kPrefix, kGateway});
  }
  if (options.network == Network::kUser || !options.dns.empty()) {
    records.add_strings(agent::kFile, {"/etc/resolv.conf", resolv_conf(options)});
  }
  records.add_strings(agent::kFile, {"/etc/hosts", hosts(options)});
  records.add_strings(agent::kFile, {"/etc/hostname", options.hostname + "\n"});
  add_mounts(options, records);
  records.add(agent::kShutdownGrace, std::uint32_t{1000});
  records.add_process(process_records(process, token, options.rlimits));
  return std::string(records.bytes());
}

std::string vsock_path(const Instance& instance) {
  return instance.at("vsock");
}

MachineConfig machine_config(const RunOptions& options, const std::string& kernel,
                             const std::string& disk, const Instance& instance) {
  MachineConfig machine;
  machine.kernel = kernel;
  machine.cmdline = kKernelParameters;
  machine.vcpus = static_cast<std::uint32_t>(options.millicpus.value_or(kDefaultMillicpus) / 1000);
  machine.memory = options.memory.value_or(kDefaultMemory);
  machine.console.kind = ConsoleKind::kSerial;
  machine.console.backend = {CharacterBackendConfig::Kind::kFile,
                             instance.data_directory() + "/console"};
  virtio::VsockConfig vsock;
  vsock.path = vsock_path(instance);
  machine.devices.push_back(device_config(std::move(vsock)));
  DiskConfig root;
  root.path = disk;
  root.read_only = true;
  root.id = "root";
  machine.devices.push_back(device_config(std::move(root)));
  if (options.storage > 0) {
    DiskConfig scratch;
    scratch.path = scratch_disk_path(instance);
    scratch.id = "scratch";
    scratch.cache = DiskCache::kUnsafe;  // the disk is removed with the instance
    machine.devices.push_back(device_config(std::move(scratch)));
  }
  for (std::size_t i = 0; i < options.volumes.size(); ++i) {
    const Volume& volume = options.volumes[i];
    SharedDirectory shared{volume.source, volume.read_only};
    if (volume.file) {
      std::tie(shared.path, shared.file) = split_file(volume.source);
    }
    machine.devices.push_back(device_config(virtio::FsConfig{volume_tag(i), std::move(shared)}));
  }
  if (options.network == Network::kUser) {
    machine.devices.push_back(device_config(user_network(options)));
  } else if (options.network == Network::kTap) {
    NetConfig net;
    net.tap = options.network_name;
    machine.devices.push_back(device_config(std::move(net)));
  }
  return machine;
}

}  // namespace bothy::run

#include "run/vm/guest_config.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "base/files.h"
#include "base/units.h"
#include "devices/virtio/block/kind.h"
#include "devices/virtio/fs/kind.h"
#include "devices/virtio/net/kind.h"
#include "devices/virtio/vsock/kind.h"
#include "guest/embed/config_writer.h"
#include "run/mount_order.h"
#include "run/scratch_disk.h"
#include "run/user_network.h"
#include "run/vm/prepare.h"

namespace bothy::run {
namespace {

constexpr std::uint64_t kDefaultMillicpus = 1000;
constexpr std::uint64_t kDefaultMemory = 512ULL << 20U;

// An early console alone: it shows the last lines of a kernel that panics. Each character on a
// console that a driver sets up would cost every run an exit or two.
constexpr std::string_view kKernelParameters =
    "loglevel=3 console=null earlycon=uart8250,io,0x3f8 keep_bootcon 8250.nr_uarts=0";

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

// A file's directory, and its name there.
std::pair<std::string, std::string> split_file(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

void add_mounts(const std::vector<GuestMount>& mounts, guest::ConfigWriter& records) {
  for (const GuestMount& mount : mounts) {
    records.add_strings(agent::kMount, {mount.type, mount.source, mount.target, mount.options});
  }
}

std::vector<GuestMount> mounts_of(const RunOptions& options) {
  std::vector<GuestMount> mounts;
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
  std::ranges::stable_sort(mounts, {},
                           [](const GuestMount& mount) { return path_depth(mount.target); });
  return mounts;
}

// An image's disk is under a layer of the guest's own, which has the files that bothy writes. A
// shared directory is its owner's.
void add_root(const RunOptions& options, const GuestParts& parts, guest::ConfigWriter& records) {
  if (parts.shared) {
    records.add(agent::kRootTag, std::string_view(SharedRoot::kTag));
    return add_mounts(parts.shared->mounts, records);
  }
  records.add(agent::kRootDevice, "/dev/vda");
  if (options.storage > 0) {
    records.add(agent::kScratchDevice, "/dev/vdb");
  }
  if (const std::string text = resolv_conf_file(options); !text.empty()) {
    records.add_strings(agent::kFile, {"/etc/resolv.conf", text});
  }
  records.add_strings(agent::kFile, {"/etc/hosts", hosts_file(options)});
  records.add_strings(agent::kFile, {"/etc/hostname", options.hostname + "\n"});
  add_mounts(mounts_of(options), records);
}

void add_root_devices(const RunOptions& options, const GuestParts& parts, const Instance& instance,
                      MachineConfig& machine) {
  if (parts.shared) {
    machine.devices.push_back(device_config(
        virtio::FsConfig{SharedRoot::kTag, SharedDirectory{parts.shared->directory, false}}));
    return;
  }
  DiskConfig image;
  image.path = parts.disk;
  image.read_only = true;
  image.id = "root";
  machine.devices.push_back(device_config(std::move(image)));
  if (options.storage > 0) {
    DiskConfig scratch;
    scratch.path = scratch_disk_path(instance);
    scratch.id = "scratch";
    scratch.cache = DiskCache::kUnsafe;  // the disk is removed with the instance
    machine.devices.push_back(device_config(std::move(scratch)));
  }
}

// The guest's kernel finds them in this order, after none of the options' own.
void add_interfaces(const GuestParts& parts, guest::ConfigWriter& records) {
  for (std::size_t i = 0; i < parts.interfaces.size(); ++i) {
    std::string name = fmt::format("eth{}", i);
    for (const InterfaceRequest& request : parts.interfaces[i].requests) {
      agent::NetlinkValue head{};
      head.type = request.type;
      head.index_at = request.index_at;
      name.copy(head.name, sizeof(head.name) - 1);
      std::string value(reinterpret_cast<const char*>(&head), sizeof(head));
      records.add(agent::kNetlink, value + request.body);
      name = parts.interfaces[i].name;
    }
  }
}

NetConfig pod_interface(const GuestInterface& interface) {
  NetConfig net;
  net.tap = interface.tap;
  net.mac = interface.mac;
  net.mtu = interface.mtu;
  return net;
}

NetConfig user_network(const RunOptions& options) {
  NetConfig net;
  net.backend = NetBackendKind::kUser;
  net.on_demand = options.ports.empty();  // published ports are open from the start
  net.passt = user_network_arguments(options);
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
  for (const std::string& group : process.groups) {
    records.add(agent::kGroup, group);
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
                         const std::vector<std::string>& modules, const GuestParts& parts) {
  guest::ConfigWriter records = guest::ConfigWriter::configuration();
  for (const std::string& module : modules) {
    records.add(agent::kModule, module);
  }
  records.add(agent::kSeed, random_bytes());
  if (options.read_only) {
    records.add(agent::kReadOnly);
  }
  records.add(agent::kHostname, options.hostname);
  if (options.network == Network::kUser) {
    records.add_strings(agent::kInterface,
                        {kUserInterface, kUserAddress, kUserPrefix, kUserGateway});
    if (options.ipv6) {
      records.add_strings(agent::kInterface,
                          {kUserInterface, kUserAddress6, kUserPrefix6, kUserGateway6});
    }
  }
  add_interfaces(parts, records);
  for (const auto& [path, value] : parts.sysctls) {
    records.add_strings(agent::kSysctl, {path, value});
  }
  if (parts.watch_ports) {
    records.add(agent::kWatchPorts);
  }
  add_root(options, parts, records);
  if (options.processes) {
    records.add(agent::kProcessLimit, static_cast<std::uint32_t>(*options.processes));
  }
  records.add(agent::kShutdownGrace, std::uint32_t{1000});
  records.add_process(process_records(process, token, options.rlimits));
  return std::string(records.bytes());
}

Result<std::uint64_t> network_rate(const RunOptions& options, std::string_view flag) {
  if (!options.has_isolation_flag(flag)) {
    return std::uint64_t{0};
  }
  const std::string text = options.isolation_flag(flag);
  if (options.network == Network::kNone) {
    return make_error(ErrorCode::kInvalid, "{}: the guest has no network to limit", flag);
  }
  const auto rate = parse_size(text);
  if (!rate || rate.value() == 0) {
    return make_error(ErrorCode::kInvalid,
                      "{}: invalid value '{}': expected bytes a second, such as 10M", flag,
                      printable(text));
  }
  return rate;
}

std::string vsock_path(const Instance& instance) {
  return instance.at("v");  // short: directories of instances may be long, and sockets' paths not
}

MachineConfig machine_config(const RunOptions& options, const std::string& kernel,
                             const GuestParts& parts, const Instance& instance) {
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
  add_root_devices(options, parts, instance, machine);
  for (std::size_t i = 0; i < options.volumes.size(); ++i) {
    const Volume& volume = options.volumes[i];
    SharedDirectory shared{volume.source, volume.read_only};
    if (volume.file) {
      std::tie(shared.path, shared.file) = split_file(volume.source);
    }
    machine.devices.push_back(device_config(virtio::FsConfig{volume_tag(i), std::move(shared)}));
  }
  if (options.network == Network::kUser || options.network == Network::kTap) {
    NetConfig net = options.network == Network::kUser ? user_network(options) : NetConfig();
    if (options.network == Network::kTap) {
      net.tap = options.network_name;
    }
    net.receive.bytes = network_rate(options, kReceiveRateFlag).value();
    net.transmit.bytes = network_rate(options, kTransmitRateFlag).value();
    machine.devices.push_back(device_config(std::move(net)));
  }
  for (const GuestInterface& interface : parts.interfaces) {
    machine.devices.push_back(device_config(pod_interface(interface)));
  }
  return machine;
}

}  // namespace bothy::run

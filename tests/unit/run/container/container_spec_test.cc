#include "run/container/container_spec.h"

#include <sys/mount.h>

#include <algorithm>

#include "container/capabilities.h"
#include "tests/support/catch.h"

namespace bothy::run {
namespace {

using container::Mount;
using container::NamespaceKind;
using container::OciSpec;

struct Fixture {
  RunOptions options;
  SpecParts parts;

  Fixture() {
    options.hostname = "box";
    parts.files = "/run/x";
    parts.mappings = {{{0, 100'000, 65'536}}, {{0, 100'000, 65'536}}};
  }
  [[nodiscard]] OciSpec spec() const { return container_spec(options, parts).value(); }
};

const Mount* mount_on(const OciSpec& spec, std::string_view destination) {
  const auto found = std::ranges::find(spec.mounts, destination, &Mount::destination);
  return found == spec.mounts.end() ? nullptr : &*found;
}

const Mount& mount_at(const OciSpec& spec, std::string_view destination) {
  const Mount* found = mount_on(spec, destination);
  if (found == nullptr) {
    FAIL("no mount on " << destination);
  }
  return *found;
}

std::size_t place_of(const OciSpec& spec, std::string_view destination) {
  return static_cast<std::size_t>(&mount_at(spec, destination) - spec.mounts.data());
}

bool has_parameter(const Mount& mount, std::string_view name, std::string_view value) {
  return std::ranges::any_of(mount.options.parameters, [&](const auto& each) {
    return each.first == name && each.second == value;
  });
}

}  // namespace

TEST_CASE("A container has namespaces of its own, and masked and read-only paths") {
  const OciSpec spec = Fixture().spec();
  for (const NamespaceKind kind :
       {NamespaceKind::kUser, NamespaceKind::kMount, NamespaceKind::kPid, NamespaceKind::kNetwork,
        NamespaceKind::kIpc, NamespaceKind::kUts, NamespaceKind::kCgroup}) {
    INFO(container::to_string(kind));
    REQUIRE(spec.find(kind) != nullptr);
    CHECK(spec.find(kind)->path.empty());
  }
  CHECK(spec.find(NamespaceKind::kTime) == nullptr);
  CHECK(spec.hostname == "box");
  CHECK(std::ranges::count(spec.masked_paths, "/proc/kcore") == 1);
  CHECK(std::ranges::count(spec.read_only_paths, "/proc/sys") == 1);
  CHECK_FALSE(spec.root.read_only);
}

TEST_CASE("The default file systems are the runtime specification's") {
  const OciSpec spec = Fixture().spec();
  CHECK(mount_at(spec, "/proc").type == "proc");
  CHECK((mount_at(spec, "/proc").options.set & MOUNT_ATTR_NOSUID) != 0);
  CHECK((mount_at(spec, "/sys").options.set & MOUNT_ATTR_RDONLY) != 0);
  CHECK((mount_at(spec, "/sys/fs/cgroup").options.set & MOUNT_ATTR_RDONLY) != 0);
  CHECK(mount_at(spec, "/dev/mqueue").type == "mqueue");
  CHECK(has_parameter(mount_at(spec, "/dev/shm"), "size", "67108864"));
  CHECK(place_of(spec, "/dev") < place_of(spec, "/dev/pts"));
  CHECK(place_of(spec, "/sys") < place_of(spec, "/sys/fs/cgroup"));
}

TEST_CASE("Terminals belong to the group tty where that has an id") {
  Fixture f;
  CHECK(has_parameter(mount_at(f.spec(), "/dev/pts"), "gid", "5"));
  f.parts.mappings.groups = {{0, 1000, 1}};
  CHECK_FALSE(has_parameter(mount_at(f.spec(), "/dev/pts"), "gid", "5"));
}

TEST_CASE("The network decides about its namespace, and who may mount sysfs") {
  Fixture f;
  f.options.network = Network::kHost;
  CHECK(f.spec().find(NamespaceKind::kNetwork) == nullptr);
  CHECK(mount_at(f.spec(), "/sys").type == "bind");
  CHECK((mount_at(f.spec(), "/sys").options.recursive_set & MOUNT_ATTR_RDONLY) != 0);
  f.options.network = Network::kNamespace;
  f.options.network_name = "/run/netns/x";
  CHECK(f.spec().find(NamespaceKind::kNetwork)->path == "/run/netns/x");
  CHECK(mount_at(f.spec(), "/sys").type == "bind");
  f.parts.mappings = {};
  CHECK(mount_at(f.spec(), "/sys").type == "sysfs");
  CHECK(f.spec().find(NamespaceKind::kUser) == nullptr);
}

TEST_CASE("Files of /etc are mounted, name servers where the network has some") {
  Fixture f;
  CHECK(mount_at(f.spec(), "/etc/hosts").source == "/run/x/hosts");
  CHECK(mount_at(f.spec(), "/etc/hostname").source == "/run/x/hostname");
  CHECK(mount_on(f.spec(), "/etc/resolv.conf") == nullptr);
  f.parts.has_resolv_conf = true;
  CHECK(mount_at(f.spec(), "/etc/resolv.conf").options.bind);
}

TEST_CASE("A deeper volume or tmpfs is mounted later, over what bothy mounts itself") {
  Fixture f;
  f.options.tmpfs = {{"/data/cache", "size=64m,exec"}, {"/one", ""}};
  f.options.volumes = {{"/host/deep", "/data//cache/deep/", false, false},
                       {"/host/data", "/data/", false, false},
                       {"/host/hosts", "/etc/hosts", true, true}};
  const OciSpec spec = f.spec();
  CHECK(place_of(spec, "/one") < place_of(spec, "/data/"));
  CHECK(place_of(spec, "/data/") < place_of(spec, "/data/cache"));
  CHECK(place_of(spec, "/data/cache") < place_of(spec, "/data//cache/deep/"));
  CHECK(has_parameter(mount_at(spec, "/data/cache"), "size", "64m"));
  CHECK((mount_at(spec, "/data/cache").options.set & MOUNT_ATTR_NODEV) != 0);
  const Mount& last = *std::ranges::find(spec.mounts, "/host/hosts", &Mount::source);
  CHECK(static_cast<std::size_t>(&last - spec.mounts.data()) > place_of(spec, "/etc/hosts"));
}

TEST_CASE("Volumes are read-only with all that is mounted in them, and mapped where ids are") {
  Fixture f;
  f.options.volumes = {{"/host/a", "/a", true, false}, {"/host/b", "/b", false, true}};
  OciSpec spec = f.spec();
  CHECK(mount_at(spec, "/a").options.recursive_bind);
  CHECK((mount_at(spec, "/a").options.recursive_set & MOUNT_ATTR_RDONLY) != 0);
  CHECK(mount_at(spec, "/a").options.recursive_idmap);
  CHECK(mount_at(spec, "/b").options.bind);
  CHECK(mount_at(spec, "/b").options.idmap);
  f.parts.is_root = false;  // an ordinary user's files are root's in the container already
  CHECK_FALSE(mount_at(f.spec(), "/a").options.recursive_idmap);
  f.parts.is_root = true;
  f.parts.mappings = {};
  CHECK_FALSE(mount_at(f.spec(), "/b").options.idmap);
}

TEST_CASE("Limits that weren't given aren't set") {
  Fixture f;
  CHECK_FALSE(f.spec().resources.memory.has_value());
  CHECK_FALSE(f.spec().resources.cpu_quota.has_value());
  CHECK_FALSE(f.spec().resources.processes.has_value());
  f.options.memory = 64U << 20U;
  f.options.millicpus = 1500;
  f.options.processes = 100;
  const container::Resources limits = f.spec().resources;
  CHECK(limits.memory == 64 << 20);
  CHECK(limits.cpu_period == 100'000U);
  CHECK(limits.cpu_quota == 150'000);
  CHECK(limits.processes == 100);
}

TEST_CASE("--privileged lifts masks, the device filter and seccomp") {
  Fixture f;
  CHECK_FALSE(f.spec().device_rules.empty());
  CHECK(container_seccomp(f.parts).value().has_value());
  f.parts.flags.privileged = true;
  CHECK(f.spec().masked_paths.empty());
  CHECK(f.spec().read_only_paths.empty());
  CHECK(f.spec().device_rules.empty());
  CHECK((mount_at(f.spec(), "/sys").options.set & MOUNT_ATTR_RDONLY) == 0);
  CHECK_FALSE(container_seccomp(f.parts).value().has_value());
  CHECK(container_capabilities(f.parts.flags).value() == container::all_capabilities());
}

TEST_CASE("A process has the capabilities of its container, none of them inheritable or ambient") {
  ContainerFlags flags;
  flags.dropped_capabilities = {"ALL"};
  flags.added_capabilities = {"CHOWN"};
  ProcessSpec wanted;
  wanted.arguments = {"id"};
  wanted.environment = {"PATH=/bin"};
  RunOptions options;
  options.rlimits = {{7, 10, 20}};
  const auto process =
      container_process(wanted, options, flags, {1000, 1001, {50}, "/home/alice"}).value();
  const auto chown = container::parse_capability("CHOWN").value();
  CHECK(process.capabilities->bounding == chown);
  CHECK(process.capabilities->permitted == chown);
  CHECK(process.capabilities->inheritable == 0);
  CHECK(process.capabilities->ambient == 0);
  CHECK(process.user == 1000);
  CHECK(process.group == 1001);
  CHECK(process.additional_groups == std::vector<std::uint32_t>{50});
  CHECK(process.environment.back() == "HOME=/home/alice");
  CHECK(process.rlimits.front().hard == 20);
}

TEST_CASE("HOME of the image or the user is kept") {
  ProcessSpec wanted;
  wanted.arguments = {"env"};
  wanted.environment = {"HOME=/srv"};
  const auto process = container_process(wanted, {}, {}, {0, 0, {}, "/root"}).value();
  CHECK(process.environment == std::vector<std::string>{"HOME=/srv"});
}

TEST_CASE("An id of the container has one on the host, or none") {
  const std::vector<IdMapping> ranges{{0, 1000, 1}, {1, 200'000, 10}};
  CHECK(host_id(ranges, 0) == 1000U);
  CHECK(host_id(ranges, 10) == 200'009U);
  CHECK_FALSE(host_id(ranges, 11).has_value());
}

TEST_CASE("A device of the host is made, and allowed as its flag says") {
  Fixture f;
  HostDevice device;
  device.host = "/dev/fuse";
  device.container = "/dev/f";
  device.major = 10;
  device.minor = 229;
  device.mode = 0660;
  device.flag.write = false;
  f.parts.devices = {device};
  const OciSpec spec = f.spec();
  REQUIRE(spec.devices.size() == 1);
  CHECK(spec.devices[0].path == "/dev/f");
  CHECK(spec.devices[0].host_path == "/dev/fuse");
  CHECK(spec.devices[0].mode == 0660);
  const container::DeviceRule& last = spec.device_rules.back();
  CHECK(last.allow);
  CHECK(last.minor == 229U);
  CHECK((last.read && !last.write && last.make));
  CHECK_FALSE(spec.device_rules.front().allow);  // everything else is denied
  CHECK(spec.device_rules.front().type == 'a');
}

}  // namespace bothy::run

#include "oci/vm_spec.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

constexpr std::uint64_t kMebibyte = 1U << 20U;

ct::Mount mount(const std::string& type, const std::string& source, const std::string& destination,
                const std::vector<std::string>& options = {}) {
  ct::Mount made;
  made.type = type;
  made.source = source;
  made.destination = destination;
  made.options = ct::parse_mount_options(options).value();
  return made;
}

// As engines write them.
ct::OciSpec spec_of_engine() {
  ct::OciSpec spec;
  spec.root.path = "/bundle/rootfs";
  spec.hostname = "box";
  spec.process.emplace();
  spec.process->arguments = {"sh"};
  spec.namespaces = {{ct::NamespaceKind::kNetwork, "/run/netns/pod"},
                     {ct::NamespaceKind::kPid, {}}};
  spec.mounts = {mount("proc", "proc", "/proc"),
                 mount("tmpfs", "tmpfs", "/dev", {"nosuid", "mode=755"}),
                 mount("devpts", "devpts", "/dev/pts", {"newinstance"}),
                 mount("sysfs", "sysfs", "/sys", {"ro"}),
                 mount("cgroup", "cgroup", "/sys/fs/cgroup", {"ro"}),
                 mount("bind", "/run/shm", "/dev/shm", {"bind"}),
                 mount("bind", "/run/hosts", "/etc/hosts", {"bind", "rprivate"})};
  return spec;
}

std::vector<std::string> destinations(const ct::OciSpec& spec) {
  std::vector<std::string> all;
  for (const ct::Mount& each : spec.mounts) {
    all.push_back(each.destination);
  }
  return all;
}

Result<ct::OciSpec> owner_of(const ct::OciSpec& spec) {
  return owner_spec(spec, ct::Process{});
}

}  // namespace

TEST_CASE("An annotation chooses the isolation, or the program's name") {
  CHECK(is_vm(false, {}).value() == false);
  CHECK(is_vm(true, {}).value() == true);
  CHECK(is_vm(false, {{"org.bothy.isolation", "vm"}}).value() == true);
  CHECK(is_vm(true, {{"org.bothy.isolation", "container"}}).value() == false);
  CHECK(is_vm(true, {{"io.kubernetes.cri.container-type", "sandbox"}}).value() == false);
  CHECK(is_vm(true, {{"io.kubernetes.cri-o.ContainerType", "container"}}).value() == true);
  CHECK(is_vm(true, {{"org.bothy.isolation", ""}}).error().context ==
        "annotation org.bothy.isolation: invalid value '': expected 'vm' or 'container'");
}

TEST_CASE("What a microVM can't have is refused by its name") {
  ct::OciSpec spec = spec_of_engine();
  CHECK(check_vm_spec(spec));
  spec.namespaces.push_back({ct::NamespaceKind::kUser, {}});
  CHECK(check_vm_spec(spec).error().context == "a user namespace: not possible in a microVM");
  spec = spec_of_engine();
  spec.hooks.start_container.emplace_back();
  CHECK(check_vm_spec(spec).error().code == ErrorCode::kUnsupported);
  spec = spec_of_engine();
  spec.namespaces.clear();
  CHECK(check_vm_spec(spec).error().context.starts_with("the host's network"));
}

TEST_CASE("The owner mounts the host's files, and the guest its kernel's file systems") {
  ct::OciSpec spec = spec_of_engine();
  spec.mounts.push_back(mount("tmpfs", "tmpfs", "/run", {"nosuid", "ro", "size=64m"}));
  spec.mounts.push_back(mount("bind", "/logs", "/dev/log", {"rbind"}));
  spec.mounts.push_back(mount("bind", "/secrets", "/run/secrets", {"rbind"}));
  spec.mounts.push_back(mount("bind", "/data", "/running", {"rbind"}));
  const ct::OciSpec owner = owner_of(spec).value();
  CHECK(destinations(owner) ==
        std::vector<std::string>{"/etc/hosts", "/dev/log", "/run/secrets", "/running"});
  const run::SharedRoot root = shared_root(spec);
  CHECK(root.directory == "/bundle/rootfs");
  REQUIRE(root.mounts.size() == 3);
  CHECK(root.mounts[0].type == "tmpfs");
  CHECK(root.mounts[0].target == "/run");
  CHECK(root.mounts[0].options == "ro,nosuid,size=64m");
  CHECK(root.mounts[1].source == "root/dev/log");
  CHECK(root.mounts[1].target == "/dev/log");
  CHECK(root.mounts[2].source == "root/run/secrets");
  CHECK(guest_mount_points(spec) == std::vector<std::string>{"/proc", "/sys", "/dev", "/run"});
}

TEST_CASE("The owner has the container's cgroup and network, and no other namespace of it") {
  const ct::OciSpec owner = owner_of(spec_of_engine()).value();
  REQUIRE(owner.namespaces.size() == 2);
  CHECK(owner.find(ct::NamespaceKind::kMount)->path.empty());
  CHECK(owner.find(ct::NamespaceKind::kNetwork)->path == "/run/netns/pod");
  CHECK(owner.device_rules.empty());
  ct::OciSpec spec = spec_of_engine();
  spec.device_rules.push_back({});  // none allowed
  CHECK(owner_of(spec).value().device_rules.size() == 3);
}

TEST_CASE("A microVM's size: by annotations, by vm.hwConfig, by limits") {
  ct::OciSpec spec = spec_of_engine();
  CHECK_FALSE(machine_size(spec).value().cpus);
  CHECK_FALSE(machine_size(spec).value().memory);
  spec.resources.memory = 300 << 20;
  spec.resources.cpu_quota = 150'000;
  CHECK(machine_size(spec).value().cpus == 2U);
  CHECK(machine_size(spec).value().memory == 300 * kMebibyte);
  spec.machine = ct::MachineSize{3, 400 * kMebibyte + 1};
  CHECK(machine_size(spec).value().cpus == 3U);
  CHECK(machine_size(spec).value().memory == 400 * kMebibyte);
  spec.annotations = {{"org.bothy.cpus", "4"}, {"org.bothy.memory", "1G"}};
  CHECK(machine_size(spec).value().cpus == 4U);
  CHECK(machine_size(spec).value().memory == 1024 * kMebibyte);
  spec.annotations = {{"org.bothy.cpus", "0"}};
  CHECK(machine_size(spec).error().context ==
        "annotation org.bothy.cpus: invalid value '0': expected a number");
  spec.annotations = {{"org.bothy.memory", "much"}};
  CHECK(machine_size(spec).error().context.starts_with("annotation org.bothy.memory: "));
}

TEST_CASE("A limit is the guest's, and what the owner needs is beside") {
  ct::OciSpec spec = spec_of_engine();
  spec.resources.memory = 16 << 20;
  spec.resources.memory_and_swap = 32 << 20;
  spec.resources.processes = 10;
  CHECK(machine_size(spec).value().memory == kLeastMemory);
  const ct::Resources raised = owner_of(spec).value().resources;
  const std::int64_t memory = static_cast<std::int64_t>(kLeastMemory) + kOwnerMemory;
  CHECK(raised.memory == memory);
  CHECK(raised.memory_and_swap == memory + (16 << 20));
  CHECK(raised.processes > 100);
  const run::RunOptions options = guest_options(spec).value();
  CHECK(options.memory == kLeastMemory);
  CHECK(options.processes == 10U);
  spec.resources.processes = -1;
  CHECK(owner_of(spec).value().resources.processes == -1);
  CHECK_FALSE(guest_options(spec).value().processes);
}

TEST_CASE("The guest's process is the spec's") {
  ct::Process process;
  process.arguments = {"id", "-u"};
  process.environment = {"A=b"};
  process.directory = "/home";
  process.user = 5;
  process.group = 6;
  process.additional_groups = {7, 8};
  process.terminal = true;
  process.columns = 100;
  process.rows = 30;
  const run::ProcessSpec guest = guest_process(process);
  CHECK(guest.arguments == process.arguments);
  CHECK(guest.environment == process.environment);
  CHECK(guest.directory == "/home");
  CHECK(guest.user == "5:6");
  CHECK(guest.groups == std::vector<std::string>{"7", "8"});
  CHECK(guest.interactive);
  CHECK(guest.terminal);
  CHECK(guest.columns == 100);
  CHECK(guest.rows == 30);
}

}  // namespace bothy::oci

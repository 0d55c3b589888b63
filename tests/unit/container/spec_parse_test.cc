#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <string>

#include "container/spec.h"
#include "tests/support/catch.h"
#include "tests/unit/container/spec_cases.h"

namespace bothy::container {
namespace {

OciSpec full_spec() {
  auto spec = parse_spec(kFullConfig);
  INFO((spec ? std::string() : spec.error().context));
  REQUIRE(spec.has_value());
  return std::move(spec).value();
}

constexpr Capabilities bit(unsigned capability) {
  return Capabilities{1} << capability;
}

std::string minimal(const std::string& members) {
  return R"({"ociVersion": "1.0.0", "root": {"path": "/root"})" + members + "}";
}

OciSpec parsed(const std::string& text) {
  auto spec = parse_spec(text);
  INFO((spec ? std::string() : spec.error().context));
  REQUIRE(spec.has_value());
  return std::move(spec).value();
}

std::string error_of_text(const std::string& text) {
  const auto spec = parse_spec(text);
  REQUIRE(!spec.has_value());
  CHECK(spec.error().code == ErrorCode::kBadInput);
  return spec.error().context;
}

}  // namespace

TEST_CASE("A config.json's process is read") {
  const OciSpec spec = full_spec();
  REQUIRE(spec.process.has_value());
  const Process& process = *spec.process;
  CHECK(process.arguments == std::vector<std::string>{"sh", "-c", ""});
  CHECK(process.environment == std::vector<std::string>{"PATH=/bin", "EMPTY="});
  CHECK(process.directory == "/work");
  CHECK(process.terminal);
  CHECK(process.rows == 25);
  CHECK(process.columns == 80);
  CHECK(process.user == 1000);
  CHECK(process.group == 100);
  CHECK(process.umask == 022U);
  CHECK(process.additional_groups == std::vector<std::uint32_t>{5, 6});
  REQUIRE(process.capabilities.has_value());
  CHECK(process.capabilities->bounding == (bit(CAP_CHOWN) | bit(CAP_KILL)));
  CHECK(process.capabilities->effective == bit(CAP_KILL));
  CHECK(process.capabilities->inheritable == bit(CAP_CHOWN));
  CHECK(process.capabilities->permitted == (bit(CAP_CHOWN) | bit(CAP_KILL)));
  CHECK(process.capabilities->ambient == bit(CAP_CHOWN));
  CHECK(process.no_new_privileges);
  CHECK(process.apparmor_profile == "profile");
  CHECK(process.selinux_label == "system_u:system_r:container_t:s0");
  CHECK(process.oom_score_adj == -500);
}

TEST_CASE("A process's limits and priorities are read") {
  const Process process = *full_spec().process;
  REQUIRE(process.rlimits.size() == 2);
  CHECK(process.rlimits[0].resource == RLIMIT_NOFILE);
  CHECK(process.rlimits[0].soft == 1024);
  CHECK(process.rlimits[0].hard == 4096);
  CHECK(process.rlimits[1].resource == RLIMIT_CORE);
  CHECK(process.rlimits[1].soft == 0);
  CHECK(process.rlimits[1].hard == RLIM_INFINITY);
  REQUIRE(process.scheduler.has_value());
  CHECK(process.scheduler->policy == SCHED_FIFO);
  CHECK(process.scheduler->nice == -5);
  CHECK(process.scheduler->priority == 10);
  CHECK(process.scheduler->flags == (SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM));
  CHECK(process.scheduler->runtime == 1);
  CHECK(process.scheduler->deadline == 2);
  CHECK(process.scheduler->period == 3);
  REQUIRE(process.io_priority.has_value());
  CHECK(process.io_priority->io_class == 2);
  CHECK(process.io_priority->priority == 4);
}

TEST_CASE("A config.json's root, names and mounts are read") {
  const OciSpec spec = full_spec();
  CHECK(spec.version == "1.2.0");
  CHECK(spec.hostname == "box");
  CHECK(spec.domain_name == "example.org");
  CHECK(spec.root.path == "rootfs");
  CHECK(spec.root.read_only);
  CHECK(spec.root.propagation == MS_SLAVE);
  REQUIRE(spec.mounts.size() == 3);
  CHECK(spec.mounts[0].destination == "/proc");
  CHECK(spec.mounts[0].type == "proc");
  CHECK(spec.mounts[0].source == "proc");
  CHECK(spec.mounts[1].options.set == MOUNT_ATTR_NOSUID);
  CHECK(spec.mounts[1].options.parameters ==
        std::vector<std::pair<std::string, std::string>>{{"size", "64k"}});
  const Mount& data = spec.mounts[2];
  CHECK(data.options.recursive_bind);
  CHECK(data.options.recursive_idmap);
  CHECK(data.options.set == MOUNT_ATTR_RDONLY);
  REQUIRE(data.mappings.users.size() == 1);
  CHECK(data.mappings.users[0].host == 1000);
  REQUIRE(data.mappings.groups.size() == 1);
  CHECK(data.mappings.groups[0].size == 2);
}

TEST_CASE("A config.json's hooks and annotations are read") {
  const OciSpec spec = full_spec();
  REQUIRE(spec.hooks.prestart.size() == 1);
  CHECK(spec.hooks.prestart[0].path == "/bin/a");
  CHECK(spec.hooks.prestart[0].arguments == std::vector<std::string>{"a", "b"});
  CHECK(spec.hooks.prestart[0].environment == std::vector<std::string>{"A=1"});
  CHECK(spec.hooks.prestart[0].timeout == 5);
  REQUIRE(spec.hooks.create_runtime.size() == 1);
  CHECK(spec.hooks.create_runtime[0].path == "/bin/b");
  CHECK(spec.hooks.create_runtime[0].timeout == 0);
  REQUIRE(spec.hooks.create_container.size() == 1);
  CHECK(spec.hooks.create_container[0].path == "/bin/c");
  REQUIRE(spec.hooks.start_container.size() == 1);
  CHECK(spec.hooks.start_container[0].path == "/bin/d");
  REQUIRE(spec.hooks.poststart.size() == 1);
  CHECK(spec.hooks.poststart[0].path == "/bin/e");
  REQUIRE(spec.hooks.poststop.size() == 1);
  CHECK(spec.hooks.poststop[0].path == "/bin/f");
  CHECK(spec.annotations ==
        std::map<std::string, std::string>{{"org.example.key", "value"}, {"empty", ""}});
}

TEST_CASE("A config.json's namespaces, mappings and time offsets are read") {
  const OciSpec spec = full_spec();
  CHECK(spec.namespaces.size() == kNamespaceKinds);
  REQUIRE(spec.find(NamespaceKind::kNetwork) != nullptr);
  CHECK(spec.find(NamespaceKind::kNetwork)->path == "/run/netns/a");
  REQUIRE(spec.find(NamespaceKind::kTime) != nullptr);
  CHECK(spec.find(NamespaceKind::kTime)->path.empty());
  REQUIRE(spec.mappings.users.size() == 2);
  CHECK(spec.mappings.users[1].container == 1000);
  CHECK(spec.mappings.users[1].host == 1000);
  CHECK(spec.mappings.users[1].size == 1);
  REQUIRE(spec.mappings.groups.size() == 1);
  CHECK(spec.mappings.groups[0].host == 200000);
  REQUIRE(spec.monotonic_offset.has_value());
  CHECK(spec.monotonic_offset->seconds == -1);
  CHECK(spec.monotonic_offset->nanoseconds == 5);
  REQUIRE(spec.boot_offset.has_value());
  CHECK(spec.boot_offset->seconds == 7);
}

TEST_CASE("A config.json's devices and their rules are read") {
  const OciSpec spec = full_spec();
  REQUIRE(spec.devices.size() == 2);
  CHECK(spec.devices[0].path == "/dev/fuse");
  CHECK(spec.devices[0].type == 'c');
  CHECK(spec.devices[0].major == 10);
  CHECK(spec.devices[0].minor == 229);
  CHECK(spec.devices[0].mode == 0666);  // without the type of the file
  CHECK(spec.devices[0].user == 1);
  CHECK(spec.devices[0].group == 2);
  CHECK(spec.devices[1].type == 'p');
  REQUIRE(spec.device_rules.size() == 3);
  CHECK_FALSE(spec.device_rules[0].allow);
  CHECK(spec.device_rules[0].type == 'a');
  CHECK_FALSE(spec.device_rules[0].major.has_value());
  CHECK(spec.device_rules[1].allow);
  CHECK(spec.device_rules[1].type == 'c');
  CHECK(spec.device_rules[1].major == 10U);
  CHECK(spec.device_rules[1].minor == 229U);
  CHECK(spec.device_rules[1].read);
  CHECK(spec.device_rules[1].write);
  CHECK_FALSE(spec.device_rules[1].make);
  CHECK(spec.device_rules[2].major == 8U);
  CHECK_FALSE(spec.device_rules[2].minor.has_value());
  CHECK(spec.device_rules[2].make);  // without access: all
}

TEST_CASE("A config.json's limits are read") {
  const Resources resources = full_spec().resources;
  CHECK(resources.memory == 536870912);
  CHECK(resources.memory_reservation == 268435456);
  CHECK(resources.memory_and_swap == -1);
  CHECK(resources.swappiness == 60U);
  CHECK(resources.disable_oom_killer);
  CHECK(resources.check_memory_before_update);
  CHECK(resources.cpu_shares == 1024U);
  CHECK(resources.cpu_quota == 50000);
  CHECK(resources.cpu_burst == 1000U);
  CHECK(resources.cpu_period == 100000U);
  CHECK(resources.cpu_idle == 1);
  CHECK(resources.cpuset_cpus == "0-1,3");
  CHECK(resources.cpuset_memories == "0");
  CHECK(resources.processes == 0);
  CHECK(resources.block_weight == 100);
  REQUIRE(resources.read_bytes.size() == 1);
  CHECK(resources.read_bytes[0].major == 8);
  CHECK(resources.read_bytes[0].value == 600);
  REQUIRE(resources.write_bytes.size() == 1);
  CHECK(resources.write_bytes[0].minor == 16);
  CHECK(resources.write_bytes[0].value == 18446744073709551615U);
  REQUIRE(resources.read_operations.size() == 1);
  CHECK(resources.read_operations[0].value == 1);
  REQUIRE(resources.write_operations.size() == 1);
  CHECK(resources.write_operations[0].value == 2);
  CHECK(resources.huge_pages ==
        std::vector<std::pair<std::string, std::uint64_t>>{{"2MB", 209715200}});
  CHECK(resources.unified == std::vector<std::pair<std::string, std::string>>{
                                 {"memory.high", "1000000"}, {"io.max", "8:0 rbps=1"}});
}

TEST_CASE("A config.json's paths, labels and kernel parameters are read") {
  const OciSpec spec = full_spec();
  CHECK(spec.cgroups_path == "/bothy/a");
  CHECK(spec.seccomp.has_value());
  CHECK(spec.masked_paths == std::vector<std::string>{"/proc/kcore"});
  CHECK(spec.read_only_paths == std::vector<std::string>{"/proc/sys"});
  CHECK(spec.mount_label == "system_u:object_r:container_file_t:s0");
  CHECK(spec.sysctls == std::vector<std::pair<std::string, std::string>>{
                            {"net.ipv4.ip_forward", "1"}, {"kernel/msgmax", "65536"}});
}

TEST_CASE("What a config.json leaves out has no value") {
  const OciSpec spec = parsed(minimal(""));
  CHECK_FALSE(spec.process.has_value());
  CHECK(spec.namespaces.empty());
  CHECK(spec.mappings.empty());
  CHECK_FALSE(spec.resources.memory.has_value());
  CHECK_FALSE(spec.seccomp.has_value());
  CHECK(spec.root.propagation == 0);
}

TEST_CASE("Null is the same as absent, and unknown members are ignored") {
  const OciSpec spec = parsed(minimal(
      R"(, "process": null, "mounts": null, "linux": {"resources": null, "new": 1}, "other": [])"));
  CHECK_FALSE(spec.process.has_value());
  CHECK(spec.mounts.empty());
}

TEST_CASE("A limit of 0 isn't one, except of processes") {
  const OciSpec spec = parsed(minimal(R"(, "linux": {"resources": {
      "memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0}, "blockIO": {"weight": 0}}})"));
  CHECK_FALSE(spec.resources.memory.has_value());
  CHECK_FALSE(spec.resources.memory_and_swap.has_value());
  CHECK_FALSE(spec.resources.cpu_shares.has_value());
  CHECK_FALSE(spec.resources.cpu_quota.has_value());
  CHECK_FALSE(spec.resources.cpu_period.has_value());
  CHECK_FALSE(spec.resources.block_weight.has_value());
}

TEST_CASE("consoleSize without a terminal is ignored") {
  const auto process = parse_process(R"({"args": ["a"], "cwd": "/", "consoleSize": "?"})");
  REQUIRE(process.has_value());
  CHECK(process.value().rows == 0);
}

TEST_CASE("A mount may be relative to the root, and bind by its type alone") {
  const OciSpec spec =
      parsed(minimal(R"(, "mounts": [{"destination": "data", "type": "bind", "source": "/srv"}])"));
  REQUIRE(spec.mounts.size() == 1);
  CHECK(spec.mounts[0].destination == "/data");
  CHECK(spec.mounts[0].options.is_bind());
}

TEST_CASE("Mappings of a mount make it idmapped") {
  const OciSpec spec =
      parsed(minimal(R"(, "mounts": [{"destination": "/a", "type": "bind", "source": "/b",
      "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}],
      "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])"));
  CHECK(spec.mounts.at(0).options.idmap);
}

TEST_CASE("Versions of the specification") {
  const auto accepts = [](const std::string& version) {
    return parse_spec(R"({"root": {"path": "a"}, "ociVersion": ")" + version + "\"}").has_value();
  };
  CHECK(accepts("1.0.0"));
  CHECK(accepts("1.0.2-dev"));
  CHECK(accepts("1.0.0-rc5"));
  CHECK(accepts("1.3.0+dev"));
  CHECK_FALSE(accepts(""));
  CHECK_FALSE(accepts("1"));
  CHECK_FALSE(accepts("1.2"));
  CHECK_FALSE(accepts("0.9.0"));
  CHECK_FALSE(accepts("2.0.0"));
  CHECK_FALSE(accepts("10.0.0"));
  CHECK_FALSE(accepts("1.a.0"));
  CHECK_FALSE(accepts("1.0.0.0"));
}

TEST_CASE("A process.json is a process") {
  const auto process = parse_process(R"({"args": ["id"], "cwd": "/"})");
  REQUIRE(process.has_value());
  CHECK(process.value().arguments == std::vector<std::string>{"id"});
  CHECK(process.value().user == 0);
  CHECK_FALSE(process.value().capabilities.has_value());

  const auto wrong = parse_process(R"({"args": ["id"], "cwd": "here"})");
  REQUIRE(!wrong.has_value());
  CHECK(wrong.error().code == ErrorCode::kBadInput);
  CHECK(wrong.error().context == "process.json: cwd: expected an absolute path");
}

TEST_CASE("What isn't a config.json is refused") {
  CHECK(error_of_text("") == "config.json is not valid JSON");
  CHECK(error_of_text("{") == "config.json is not valid JSON");
  CHECK(error_of_text("[]") == "config.json is not a JSON object");
  CHECK(error_of_text(std::string(kMaxSpecSize, ' ') + "{}") ==
        "config.json has more than 4194304 bytes");
  CHECK(error_of_text(std::string(100000, '[')) == "config.json is not valid JSON");
}

}  // namespace bothy::container

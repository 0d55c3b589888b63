// Every member of a config.json wrong in turn.
#include <string>
#include <utility>
#include <vector>

#include "container/spec.h"
#include "tests/support/catch.h"
#include "tests/unit/container/spec_cases.h"

namespace bothy::container {
namespace {

// How a member is named in errors: "process.args[0]".
struct Member {
  std::string path;
  std::string pointer;  // RFC 6901
  json::kind kind = json::kind::null;
};

void list_members(const json::value& value, const Member& of, std::vector<Member>& all) {
  if (of.path == "linux.seccomp") {
    return;  // has a parser of its own
  }
  const auto add = [&](const std::string& path, const std::string& token,
                       const json::value& member) {
    all.push_back({path, of.pointer + "/" + token, member.kind()});
    list_members(member, Member(all.back()), all);
  };
  if (value.is_object()) {
    for (const auto& member : value.get_object()) {
      const std::string key(member.key());
      std::string token;
      for (const char letter : key) {
        token += letter == '/' ? std::string("~1") : std::string(1, letter);
      }
      add(of.path.empty() ? key : of.path + "." + key, token, member.value());
    }
  }
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      const std::string index = std::to_string(i);
      add(of.path + "[" + index + "]", index, value.get_array()[i]);
    }
  }
}

std::vector<Member> all_members() {
  std::vector<Member> all;
  list_members(full_config(), {}, all);
  return all;
}

bool is_number(json::kind kind) {
  return kind == json::kind::int64 || kind == json::kind::uint64;
}

}  // namespace

TEST_CASE("Each member of a config.json with another type is an error that names it") {
  const std::vector<json::value> values{7.5, "text", json::object{{"x", json::object()}}};
  const std::vector<Member> members = all_members();
  CHECK(members.size() > 200);
  for (const Member& member : members) {
    for (const json::value& value : values) {
      if (value.kind() == member.kind || (value.is_int64() && is_number(member.kind))) {
        continue;
      }
      const std::string message = error_with(member.pointer, value);
      INFO(message);
      CHECK(message.starts_with("config.json: " + member.path + ": "));
    }
  }
}

TEST_CASE("A string with a NUL in it is an error that names it") {
  for (const Member& member : all_members()) {
    if (member.kind == json::kind::string) {
      const std::string message =
          error_with(member.pointer, json::string(json::string_view("/a\0b", 4)));
      INFO(message);
      CHECK(message == "config.json: " + member.path + ": a NUL in the string");
    }
  }
}

TEST_CASE("A member that must be there is named when it isn't") {
  const std::vector<std::pair<std::string, std::string>> required{
      {"", "ociVersion"},
      {"", "root"},
      {"/root", "path"},
      {"/process", "args"},
      {"/process", "cwd"},
      {"/process/user", "uid"},
      {"/process/user", "gid"},
      {"/process/consoleSize", "height"},
      {"/process/consoleSize", "width"},
      {"/process/rlimits/0", "type"},
      {"/process/rlimits/0", "soft"},
      {"/process/rlimits/0", "hard"},
      {"/process/scheduler", "policy"},
      {"/process/scheduler", "priority"},
      {"/process/ioPriority", "class"},
      {"/process/ioPriority", "priority"},
      {"/mounts/0", "destination"},
      {"/mounts/0", "type"},
      {"/mounts/2", "source"},
      {"/mounts/2", "uidMappings"},
      {"/mounts/2", "gidMappings"},
      {"/hooks/prestart/0", "path"},
      {"/linux", "uidMappings"},
      {"/linux", "gidMappings"},
      {"/linux/namespaces/0", "type"},
      {"/linux/uidMappings/0", "containerID"},
      {"/linux/uidMappings/0", "hostID"},
      {"/linux/uidMappings/0", "size"},
      {"/linux/devices/0", "type"},
      {"/linux/devices/0", "path"},
      {"/linux/devices/0", "major"},
      {"/linux/devices/0", "minor"},
      {"/linux/resources/devices/0", "allow"},
      {"/linux/resources/blockIO/throttleReadBpsDevice/0", "major"},
      {"/linux/resources/blockIO/throttleReadBpsDevice/0", "minor"},
      {"/linux/resources/blockIO/throttleReadBpsDevice/0", "rate"},
      {"/linux/resources/hugepageLimits/0", "pageSize"},
      {"/linux/resources/hugepageLimits/0", "limit"},
      {"/linux/personality", "domain"},
  };
  for (const auto& [object, key] : required) {
    json::value config = full_config();
    json::error_code code;
    json::value* const parent = config.find_pointer(object, code);
    REQUIRE(parent != nullptr);
    REQUIRE(parent->as_object().erase(key) == 1);
    const std::string message = error_of(config);
    INFO(object << ": " << message);
    CHECK(message.find((object.empty() ? ": " : ".") + key + ": ") != std::string::npos);
  }
}

TEST_CASE("A value that a config.json can't have is named with its reason") {
  const std::vector<Wrong> all{
      {"/ociVersion", R"("2.0.0")", "ociVersion: expected a version 1.x.y"},
      {"/root/path", R"("")", "root.path: expected a path"},
      {"/hostname", '"' + std::string(65, 'a') + '"',
       "hostname: expected a name of at most 64 bytes"},
      {"/domainname", '"' + std::string(65, 'a') + '"',
       "domainname: expected a name of at most 64 bytes"},
      {"/process/args", "[]", "process.args: expected at least one"},
      {"/process/cwd", R"("here")", "process.cwd: expected an absolute path"},
      {"/process/cwd", R"("")", "process.cwd: expected an absolute path"},
      {"/process/env/0", R"("PATH")", "process.env[0]: expected NAME=VALUE"},
      {"/process/env/1", R"("=a")", "process.env[1]: expected NAME=VALUE"},
      {"/process/consoleSize/height", "65536",
       "process.consoleSize.height: expected an integer from 0 to 65535"},
      {"/process/consoleSize/width", "-1",
       "process.consoleSize.width: expected an integer from 0 to 65535"},
      {"/process/user/uid", "-1", "process.user.uid: expected an integer from 0 to 4294967294"},
      {"/process/user/gid", "4294967295",
       "process.user.gid: expected an integer from 0 to 4294967294"},
      {"/process/user/umask", "512", "process.user.umask: expected an integer from 0 to 511"},
      {"/process/user/additionalGids/1", "1e3",
       "process.user.additionalGids[1]: expected an integer from 0 to 4294967294"},
      {"/process/capabilities/ambient/0", R"("CAP_FLY")",
       "process.capabilities.ambient[0]: unknown capability 'CAP_FLY'"},
      {"/process/rlimits/0/type", R"("RLIMIT_FUN")",
       "process.rlimits[0].type: unknown resource 'RLIMIT_FUN'"},
      {"/process/rlimits/0/soft", "5000", "process.rlimits[0].soft: larger than the hard limit"},
      {"/process/rlimits/0/hard", "18446744073709551616",
       "process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615"},
      {"/process/rlimits/1/type", R"("RLIMIT_NOFILE")",
       "process.rlimits: more than one limit of a resource"},
      {"/process/oomScoreAdj", "-1001",
       "process.oomScoreAdj: expected an integer from -1000 to 1000"},
      {"/process/oomScoreAdj", "1001",
       "process.oomScoreAdj: expected an integer from -1000 to 1000"},
      {"/process/scheduler/policy", R"("SCHED_ISO")",
       "process.scheduler.policy: unknown policy 'SCHED_ISO'"},
      {"/process/scheduler/nice", "20",
       "process.scheduler.nice: expected an integer from -20 to 19"},
      {"/process/scheduler/priority", "0",
       "process.scheduler.priority: expected an integer from 1 to 99"},
      {"/process/scheduler/policy", R"("SCHED_BATCH")",
       "process.scheduler.priority: expected an integer from 0 to 0"},
      {"/process/scheduler/flags/0", R"("SCHED_FLAG")",
       "process.scheduler.flags[0]: unknown flag 'SCHED_FLAG'"},
      {"/process/scheduler/runtime", "-1",
       "process.scheduler.runtime: expected an integer from 0 to 18446744073709551615"},
      {"/process/ioPriority/class", R"("IDLE")", "process.ioPriority.class: unknown class 'IDLE'"},
      {"/process/ioPriority/priority", "8",
       "process.ioPriority.priority: expected an integer from 0 to 7"},
      {"/process/execCPUAffinity/final", R"("0-1")",
       "process.execCPUAffinity: not supported; set linux.resources.cpu.cpus"},
      {"/mounts/0/destination", R"("")", "mounts[0].destination: expected a path"},
      {"/mounts/1/options/0", R"("")", "mounts[1].options: an empty mount option"},
      {"/mounts/2/options/1", R"("nosiud")",
       "mounts[2].options: 'nosiud' isn't an option of a bind mount"},
      {"/mounts/2/options/1", R"("idmap")",
       "mounts[2].options: mount options 'idmap' and 'ridmap' contradict"},
      {"/mounts/2/uidMappings/0/size", "0",
       "mounts[2].uidMappings[0].size: expected an integer from 1 to 4294967295"},
      {"/hooks/prestart/0/path", R"("a")", "hooks.prestart[0].path: expected an absolute path"},
      {"/hooks/prestart/0/timeout", "0",
       "hooks.prestart[0].timeout: expected an integer from 1 to 4294967295"},
      {"/annotations", R"({"": "x"})", "annotations: a key is empty"},
      {"/linux/namespaces/7/type", R"("space")",
       "linux.namespaces[7].type: unknown namespace 'space'"},
      {"/linux/namespaces/7/type", R"("mount")", "linux.namespaces: more than one mount namespace"},
      {"/linux/namespaces/3/path", R"("netns")",
       "linux.namespaces[3].path: expected an absolute path"},
      {"/linux/namespaces/0", R"({"type": "network"})",
       "linux.namespaces: more than one network namespace"},
      {"/linux/uidMappings/0/hostID", "4294967295",
       "linux.uidMappings[0].size: the range ends after the last id, 4294967294"},
      {"/linux/uidMappings/0/containerID", "4294966296",
       "linux.uidMappings[0].size: the range ends after the last id, 4294967294"},
      {"/linux/uidMappings/0/size", "1001", "linux.uidMappings: ranges overlap"},
      {"/linux/uidMappings/1/hostID", "100999", "linux.uidMappings: ranges overlap"},
      {"/linux/timeOffsets", R"({"realtime": {}})",
       "linux.timeOffsets.realtime: expected a clock: 'monotonic' or 'boottime'"},
      {"/linux/timeOffsets/monotonic/nanosecs", "1000000000",
       "linux.timeOffsets.monotonic.nanosecs: expected an integer from 0 to 999999999"},
      {"/linux/devices/0/type", R"("a")", "linux.devices[0].type: unknown type of device 'a'"},
      {"/linux/devices/0/path", R"("fuse")", "linux.devices[0].path: expected an absolute path"},
      {"/linux/devices/0/major", "4096",
       "linux.devices[0].major: expected an integer from 0 to 4095"},
      {"/linux/devices/0/minor", "1048576",
       "linux.devices[0].minor: expected an integer from 0 to 1048575"},
      {"/linux/devices/0/fileMode", "65536",
       "linux.devices[0].fileMode: expected an integer from 0 to 65535"},
      {"/linux/devices/0/uid", "4294967295",
       "linux.devices[0].uid: expected an integer from 0 to 4294967294"},
      {"/linux/cgroupsPath", R"("../../other")", "linux.cgroupsPath: expected a path without '..'"},
      {"/linux/cgroupsPath", R"("/a/..")", "linux.cgroupsPath: expected a path without '..'"},
      {"/linux/rootfsPropagation", R"("public")",
       "linux.rootfsPropagation: unknown propagation 'public'"},
      {"/linux/maskedPaths/0", R"("proc")", "linux.maskedPaths[0]: expected an absolute path"},
      {"/linux/readonlyPaths/0", R"("proc")", "linux.readonlyPaths[0]: expected an absolute path"},
      {"/linux/personality/domain", R"("LINUX32")",
       "linux.personality.domain: expected 'LINUX'; bothy supports no other one"},
      {"/linux/personality/flags", R"(["A"])", "linux.personality.flags: not supported"},
      {"/linux/sysctl", R"({"net..a": "1"})",
       "linux.sysctl.net..a: expected the name of a kernel parameter"},
      {"/linux/sysctl", R"({"/etc/passwd": "1"})",
       "linux.sysctl./etc/passwd: expected the name of a kernel parameter"},
      {"/linux/sysctl", R"({"": "1"})", "linux.sysctl.: expected the name of a kernel parameter"},
      {"/linux/sysctl", R"({"a\nb": "1"})",
       "linux.sysctl.a\\x0ab: expected the name of a kernel parameter"},
      {"/linux/sysctl", R"({"a\u0000b": "1"})", "linux.sysctl.a\\x00b: a NUL in the name"},
  };
  for (const Wrong& wrong : all) {
    CHECK(error_with(wrong.pointer, json::parse(wrong.value)) == "config.json: " + wrong.message);
  }
}

}  // namespace bothy::container

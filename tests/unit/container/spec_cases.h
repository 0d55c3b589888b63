// A config.json with every member that bothy reads, and what is wrong with it after a change.
#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "container/spec.h"
#include "tests/support/catch.h"

namespace bothy::container {

namespace json = boost::json;

inline constexpr std::string_view kFullConfig = R"({
  "ociVersion": "1.2.0",
  "hostname": "box",
  "domainname": "example.org",
  "root": {"path": "rootfs", "readonly": true},
  "process": {
    "terminal": true,
    "consoleSize": {"height": 25, "width": 80},
    "user": {"uid": 1000, "gid": 100, "umask": 18, "additionalGids": [5, 6]},
    "args": ["sh", "-c", ""],
    "env": ["PATH=/bin", "EMPTY="],
    "cwd": "/work",
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_KILL"],
      "effective": ["CAP_KILL"],
      "inheritable": ["CAP_CHOWN"],
      "permitted": ["CAP_CHOWN", "CAP_KILL"],
      "ambient": ["CAP_CHOWN"]
    },
    "rlimits": [
      {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096},
      {"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}
    ],
    "noNewPrivileges": true,
    "apparmorProfile": "profile",
    "selinuxLabel": "system_u:system_r:container_t:s0",
    "oomScoreAdj": -500,
    "scheduler": {
      "policy": "SCHED_FIFO", "nice": -5, "priority": 10, "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"],
      "runtime": 1, "deadline": 2, "period": 3
    },
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    "execCPUAffinity": {"initial": "", "final": ""}
  },
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=64k"]},
    {
      "destination": "/data", "type": "none", "source": "/srv/data", "options": ["rbind", "ro", "ridmap"],
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
      "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 2}]
    }
  ],
  "hooks": {
    "prestart": [{"path": "/bin/a", "args": ["a", "b"], "env": ["A=1"], "timeout": 5}],
    "createRuntime": [{"path": "/bin/b"}],
    "createContainer": [{"path": "/bin/c"}],
    "startContainer": [{"path": "/bin/d"}],
    "poststart": [{"path": "/bin/e"}],
    "poststop": [{"path": "/bin/f"}]
  },
  "annotations": {"org.example.key": "value", "empty": ""},
  "linux": {
    "namespaces": [
      {"type": "user"}, {"type": "mount"}, {"type": "pid"}, {"type": "network", "path": "/run/netns/a"},
      {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"}, {"type": "time"}
    ],
    "uidMappings": [
      {"containerID": 0, "hostID": 100000, "size": 1000}, {"containerID": 1000, "hostID": 1000, "size": 1}
    ],
    "gidMappings": [{"containerID": 0, "hostID": 200000, "size": 65536}],
    "timeOffsets": {"monotonic": {"secs": -1, "nanosecs": 5}, "boottime": {"secs": 7, "nanosecs": 0}},
    "devices": [
      {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 8630, "uid": 1, "gid": 2},
      {"path": "/dev/pipe", "type": "p", "fileMode": 384}
    ],
    "cgroupsPath": "/bothy/a",
    "resources": {
      "devices": [
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
        {"allow": true, "type": "b", "major": 8, "minor": -1}
      ],
      "memory": {
        "limit": 536870912, "reservation": 268435456, "swap": -1, "kernel": -1, "kernelTCP": 0, "swappiness": 60,
        "disableOOMKiller": true, "useHierarchy": true, "checkBeforeUpdate": true
      },
      "cpu": {
        "shares": 1024, "quota": 50000, "burst": 1000, "period": 100000, "realtimeRuntime": 0, "realtimePeriod": 0,
        "cpus": "0-1,3", "mems": "0", "idle": 1
      },
      "pids": {"limit": 0},
      "blockIO": {
        "weight": 100, "leafWeight": 0, "weightDevice": [],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 16, "rate": 18446744073709551615}],
        "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 1}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 2}]
      },
      "hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}],
      "network": {"classID": 0, "priorities": []},
      "rdma": {},
      "unified": {"memory.high": "1000000", "io.max": "8:0 rbps=1"}
    },
    "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"},
    "rootfsPropagation": "rslave",
    "maskedPaths": ["/proc/kcore"],
    "readonlyPaths": ["/proc/sys"],
    "mountLabel": "system_u:object_r:container_file_t:s0",
    "personality": {"domain": "LINUX", "flags": []},
    "sysctl": {"net.ipv4.ip_forward": "1", "kernel/msgmax": "65536"}
  }
})";

inline json::value full_config() {
  return json::parse({kFullConfig.data(), kFullConfig.size()});
}

// A wrong value of a member, and what follows "config.json: " in the error.
struct Wrong {
  std::string pointer;  // RFC 6901
  std::string value;
  std::string message;
};

inline std::string error_of(const json::value& config) {
  const auto spec = parse_spec(json::serialize(config));
  REQUIRE(!spec.has_value());
  CHECK(spec.error().code == ErrorCode::kBadInput);
  return spec.error().context;
}

inline std::string error_with(const std::string& pointer, json::value wrong) {
  static json::value config = full_config();
  json::error_code code;
  json::value* const member = config.find_pointer(pointer, code);
  INFO(pointer << " as " << json::serialize(wrong));
  REQUIRE(member != nullptr);
  member->swap(wrong);
  std::string message = error_of(config);
  member->swap(wrong);
  return message;
}

}  // namespace bothy::container

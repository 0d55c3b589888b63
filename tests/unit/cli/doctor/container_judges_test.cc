#include <cerrno>

#include "cli/doctor/container_probes.h"
#include "cli/doctor/helper_probes.h"
#include "tests/support/catch.h"

namespace bothy::doctor {
namespace {

constexpr std::string_view kUnified =
    "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
constexpr std::string_view kMixed =
    "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("User namespaces: the failed step decides the remedy") {
  CHECK(judge_user_namespaces(NamespaceStep::kDone, 0).status == Status::kOk);
  CHECK(mentions(judge_user_namespaces(NamespaceStep::kCreate, EPERM).remedy, "userns_clone"));
  CHECK(mentions(judge_user_namespaces(NamespaceStep::kCreate, ENOSPC).remedy,
                 "max_user_namespaces"));
  const Finding confined = judge_user_namespaces(NamespaceStep::kUse, EPERM);
  CHECK(confined.status == Status::kFail);
  CHECK(mentions(confined.remedy, "apparmor"));
  CHECK(judge_user_namespaces(NamespaceStep::kUnknown, 0).status == Status::kWarn);
}

TEST_CASE("cgroup mounts are read from /proc/mounts") {
  const CgroupFacts unified = parse_cgroup_mounts(kUnified);
  CHECK(unified.v2_mount == "/sys/fs/cgroup");
  CHECK(unified.v1_controllers.empty());
  const CgroupFacts mixed = parse_cgroup_mounts(kMixed);
  CHECK(mixed.v2_mount == "/sys/fs/cgroup/unified");
  CHECK(mixed.v1_controllers == std::vector<std::string>{"cpu", "cpuacct", "memory"});
  CHECK(parse_cgroup_mounts("").v2_mount.empty());
  CHECK(parse_cgroup_mounts("too short\n").v2_mount.empty());
}

TEST_CASE("The cgroup of version 2 is the one with number 0") {
  CHECK(own_cgroup("9:name=systemd:/\n0::/user.slice/a:b\n") == "/user.slice/a:b");
  CHECK(own_cgroup("4:memory:/x\n").empty());
}

TEST_CASE("cgroups are ok when version 2 has the controllers that containers need") {
  CgroupFacts facts = parse_cgroup_mounts(kUnified);
  facts.v2_controllers = {"cpu", "io", "memory", "pids"};
  facts.writable = true;
  CHECK(judge_cgroups(facts).status == Status::kOk);
  CHECK(mentions(judge_cgroups(facts).found, "cpu, io, memory, pids"));

  facts.writable = false;
  CHECK(judge_cgroups(facts).status == Status::kWarn);
  CHECK(mentions(judge_cgroups(facts).remedy, "systemd-run"));

  facts.v2_controllers = {"memory", "pids"};
  CHECK(judge_cgroups(facts).found == "version 2 without cpu");
  CHECK(mentions(judge_cgroups(facts).remedy, "Delegate"));

  CHECK(mentions(judge_cgroups(parse_cgroup_mounts(kMixed)).found, "mixed"));
  CHECK(judge_cgroups(parse_cgroup_mounts("")).found == "cgroups are not mounted");
  CgroupFacts old;
  old.v1_controllers = {"cpu"};
  CHECK(judge_cgroups(old).found == "version 1 only");
}

TEST_CASE("Landlock and seccomp: enabled, disabled or missing") {
  CHECK(judge_landlock(4).status == Status::kOk);
  CHECK(judge_landlock(4).found == "version 4");
  CHECK(mentions(judge_landlock(-EOPNOTSUPP).remedy, "lsm="));
  CHECK(mentions(judge_landlock(-ENOSYS).remedy, "CONFIG_SECURITY_LANDLOCK"));
  CHECK(judge_seccomp(0).status == Status::kOk);
  CHECK(judge_seccomp(ENOSYS).status == Status::kFail);
}

TEST_CASE("A file system is built in, a module or missing") {
  constexpr std::string_view kFilesystems = "nodev\tsysfs\n\text4\nnodev\toverlay\n";
  constexpr std::string_view kModules = "kernel/fs/erofs/erofs.ko.xz: kernel/lib/x.ko\n";
  CHECK(find_filesystem("overlay", kFilesystems, "") == FilesystemState::kThere);
  CHECK(find_filesystem("ext4", kFilesystems, "") == FilesystemState::kThere);
  CHECK(find_filesystem("over", kFilesystems, "") == FilesystemState::kAbsent);
  CHECK(find_filesystem("erofs", kFilesystems, kModules) == FilesystemState::kLoadable);
  CHECK(find_filesystem("erofs", kFilesystems, "") == FilesystemState::kAbsent);

  CHECK(judge_filesystem("erofs", FilesystemState::kThere, "copies").status == Status::kOk);
  CHECK(judge_filesystem("erofs", FilesystemState::kLoadable, "copies").remedy ==
        "sudo modprobe erofs");
  const Finding absent = judge_filesystem("erofs", FilesystemState::kAbsent, "copies");
  CHECK(absent.status == Status::kWarn);
  CHECK(absent.meaning == "copies");
  CHECK(mentions(absent.remedy, "CONFIG_EROFS_FS"));
}

TEST_CASE("A missing helper has its package as the remedy") {
  constexpr Helper kHelper{"mkfs.erofs", "makes disks", "erofs-utils"};
  const Finding found = judge_helper(kHelper, "/usr/bin/mkfs.erofs");
  CHECK(found.status == Status::kOk);
  CHECK(found.found == "/usr/bin/mkfs.erofs");
  const Finding absent = judge_helper(kHelper, "");
  CHECK(absent.status == Status::kWarn);
  CHECK(absent.meaning == "makes disks");
  CHECK(absent.remedy == "sudo apt install erofs-utils");
}

}  // namespace bothy::doctor

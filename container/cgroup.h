// Cgroup: the control group of a container, on cgroup v2 or on v1's hierarchies.
//
// v2: one directory. Hosts with v1 may have a v2 tree as well, without controllers ("hybrid"): then
// the cgroup there is for freezing, killing and counting processes, and v1's for limits.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/device_rule.h"
#include "container/resources.h"

namespace bothy::container {

struct CgroupDetails;
struct LimitWrite;

// What is mounted on this host, found out once: /proc/self/mountinfo and /proc/self/cgroup.
struct CgroupHost {
  struct Hierarchy {                       // of v1
    std::vector<std::string> controllers;  // "cpu", "cpuacct"
    std::string mount_point;
    std::string own;  // the cgroup of this process below mount_point, "/..."
  };
  std::string unified;                           // mount point of v2; empty: none
  std::string unified_own;                       // the cgroup of this process in it
  std::vector<std::string> unified_controllers;  // of its root
  std::vector<Hierarchy> hierarchies;

  [[nodiscard]] static Result<CgroupHost> find();
  // From the texts of the two files: for tests.
  [[nodiscard]] static Result<CgroupHost> parse(std::string_view mountinfo, std::string_view cgroup,
                                                std::string_view controllers);
};

struct CgroupStatistics {
  std::uint64_t cpu_ns = 0;
  std::uint64_t memory = 0;        // bytes in use
  std::uint64_t memory_limit = 0;  // 0: none
  std::uint64_t processes = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;
};

// Paths of cgroups in `path` are relative to the mount points: "bothy/ID". Functions for one
// thread. A Cgroup removes nothing by itself.
class Cgroup {
 public:
  // Makes the cgroup in every hierarchy that `resources` and `rules` need, and in v2 wherever that
  // is mounted, with missing parents, enables the controllers on the way, and applies the limits.
  // A limit that can't be applied is an error that names the limit, the controller and the remedy;
  // nothing is left then. `rules`: the device filter; none: no filter. An ordinary user's cgroup is
  // made below the nearest one that was delegated to that user and can take the limits; with no
  // such cgroup, and neither limits nor rules, the result is a Cgroup without directories. The
  // kernel lets root alone attach a device filter. An empty cgroup of that name is replaced; kBusy
  // when it has processes. `counted`: controllers whose figures others will look for, where this
  // host has them, besides those that statistics() reads.
  [[nodiscard]] static Result<Cgroup> create(const CgroupHost& host, std::string_view path,
                                             const Resources& resources,
                                             const std::vector<DeviceRule>& rules,
                                             const std::vector<std::string>& counted = {});
  // One that exists; kNotFound otherwise. `paths` are paths() of the one that was made.
  [[nodiscard]] static Result<Cgroup> open(const std::vector<std::string>& paths);

  // The absolute paths of its directories, v2's first.
  [[nodiscard]] const std::vector<std::string>& paths() const noexcept { return paths_; }
  // The directory in v2, for CLONE_INTO_CGROUP; -1: none.
  [[nodiscard]] int unified_fd() const noexcept { return unified_.get(); }
  // cgroup.procs of each v1 hierarchy, open for writing: a process that writes "0" to each moves
  // itself there.
  [[nodiscard]] std::vector<int> join_fds() const;

  // Changes the limits that are set, and leaves the others.
  [[nodiscard]] Result<void> apply(const Resources& resources);
  // What apply() takes them for: with the CPU quota that there is, where they have a period alone.
  // kInvalid for a memory limit that was to be checked and is below what is in use.
  [[nodiscard]] Result<Resources> complete(const Resources& resources) const;
  [[nodiscard]] Result<void> set_device_rules(const std::vector<DeviceRule>& rules);

  // Returns once all processes have stopped; kBusy, with all of them running, when that takes too
  // long.
  [[nodiscard]] Result<void> freeze();
  [[nodiscard]] Result<void> thaw();
  // Also when a cgroup above is; never without a cgroup.
  [[nodiscard]] Result<bool> is_frozen() const;
  // SIGKILL to every process in it and below, frozen ones included; cgroup.kill where it is. No
  // process is started in it afterwards: Linux 6.14 and later kill one that is cloned into it.
  [[nodiscard]] Result<void> kill();
  [[nodiscard]] Result<std::vector<pid_t>> processes() const;
  [[nodiscard]] Result<CgroupStatistics> statistics() const;
  [[nodiscard]] Result<CgroupDetails> details() const;  // cgroup_details.h
  // Whether the kernel has killed a process of it for want of memory.
  [[nodiscard]] bool had_oom_kill() const;

  // Removes the directories, and any that the container made below; waits a little for processes
  // that are ending. kBusy when some stay. Those that don't exist are no error.
  [[nodiscard]] Result<void> remove();

 private:
  struct V1 {
    std::vector<std::string> controllers;
    std::string path;
    UniqueFd directory;
    UniqueFd procs;  // for writing
  };
  struct Request;

  Cgroup() = default;
  [[nodiscard]] static Result<Cgroup> make(const CgroupHost& host, const std::string& path,
                                           const Request& request, bool as_root);
  [[nodiscard]] Result<void> add_v1(const std::string& path, std::vector<std::string> controllers,
                                    UniqueFd directory);
  // The hierarchy of v1 that has the controller; null: none.
  [[nodiscard]] const V1* find_v1(std::string_view controller) const noexcept;
  // A directory that has all of the processes; kUnsupported where there is none.
  [[nodiscard]] Result<int> any_directory() const;
  [[nodiscard]] std::string name() const;
  [[nodiscard]] Result<void> write_limits(const std::vector<LimitWrite>& writes);
  [[nodiscard]] Result<void> kill_one_by_one();
  [[nodiscard]] Result<void> write_device_lists(const std::vector<DeviceRule>& rules);

  std::vector<std::string> paths_;
  UniqueFd unified_;
  std::vector<V1> v1_;
};

}  // namespace bothy::container

// Cgroups of this host for tests, and processes in them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "container/cgroup.h"

namespace bothy::container {

// A way to use this host's cgroups: as they are, and v1's hierarchies without the v2 tree beside
// them.
struct HostKind {
  std::string name;
  CgroupHost host;
  // Whether cgroups of v2 have the limits, or v1's.
  bool limits_in_v2 = false;
};
[[nodiscard]] std::vector<HostKind> host_kinds();

// A parent of cgroups for one test: removed, with all below it, afterwards.
class TestParent {
 public:
  explicit TestParent(const CgroupHost& host);
  TestParent(const TestParent&) = delete;
  TestParent& operator=(const TestParent&) = delete;
  ~TestParent();

  // The path of a cgroup below it, for Cgroup::create().
  [[nodiscard]] std::string below(const std::string& name) const { return name_ + "/" + name; }
  // Its directories.
  [[nodiscard]] const std::vector<std::string>& directories() const { return directories_; }

 private:
  std::string name_;
  std::vector<std::string> directories_;
};

// A process that starts in the cgroup: CLONE_INTO_CGROUP for v2, a write to each v1 hierarchy.
// Killed and waited for at the latest by the destructor.
class TestProcess {
 public:
  // Returns once the child is in the cgroup. It exits with the result of `body`.
  TestProcess(const Cgroup& cgroup, const std::function<int()>& body);
  // In the v2 cgroup `unified` (-1: this process's), after writing "0" to `joins`.
  TestProcess(int unified, const std::vector<int>& joins, const std::function<int()>& body);
  TestProcess(const TestProcess&) = delete;
  TestProcess& operator=(const TestProcess&) = delete;
  ~TestProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Its exit status, or 128 and the number of the signal that ended it.
  int wait();

 private:
  pid_t pid_ = -1;
};

// A number that a process and its children change.
class SharedCounter {
 public:
  SharedCounter();
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;
  ~SharedCounter();

  void add() { __atomic_fetch_add(value_, 1, __ATOMIC_RELAXED); }
  [[nodiscard]] long get() const { return __atomic_load_n(value_, __ATOMIC_RELAXED); }

 private:
  long* value_;
};

// "" for a file that doesn't exist.
[[nodiscard]] std::string read_text(const std::string& path);
// Ends the test when it fails.
void write_text(const std::string& path, const std::string& text);

}  // namespace bothy::container

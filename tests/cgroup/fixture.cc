#include "tests/cgroup/fixture.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"
#include "container/cgroup_walk.h"
#include "tests/support/catch.h"

namespace bothy::container {

std::vector<HostKind> host_kinds() {
  const auto found = CgroupHost::find();
  REQUIRE(found);
  std::vector<HostKind> kinds;
  const CgroupHost& host = found.value();
  const bool v1 = !host.hierarchies.empty();
  if (!host.unified.empty()) {
    kinds.push_back({v1 ? "v1 with a v2 tree" : "v2", host, !v1});
  }
  if (v1) {
    CgroupHost v1_alone = host;
    v1_alone.unified.clear();
    v1_alone.unified_controllers.clear();
    kinds.push_back({"v1", v1_alone, false});
  }
  REQUIRE_FALSE(kinds.empty());
  return kinds;
}

TestParent::TestParent(const CgroupHost& host) : name_("bothy-test-" + std::to_string(::getpid())) {
  if (!host.unified.empty()) {
    directories_.push_back(host.unified + "/" + name_);
  }
  for (const CgroupHost::Hierarchy& hierarchy : host.hierarchies) {
    directories_.push_back(hierarchy.mount_point + "/" + name_);
  }
}

TestParent::~TestParent() {
  for (const std::string& directory : directories_) {
    CHECK(remove_cgroup(directory));
  }
}

TestProcess::TestProcess(const Cgroup& cgroup, const std::function<int()>& body)
    : TestProcess(cgroup.unified_fd(), cgroup.join_fds(), body) {}

TestProcess::TestProcess(int unified, const std::vector<int>& joins,
                         const std::function<int()>& body) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (unified >= 0) {
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(unified);
  }
  int joined[2];
  REQUIRE(::pipe2(joined, O_CLOEXEC) == 0);
  const UniqueFd end(joined[0]);
  UniqueFd end_of_child(joined[1]);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid == 0) {
    for (const int join : joins) {
      if (::write(join, "0", 1) != 1) {
        ::_exit(99);
      }
    }
    end_of_child.reset();
    // Nothing may bring the child back into the test.
    try {
      ::_exit(body());
    } catch (...) {
      ::_exit(98);
    }
  }
  end_of_child.reset();
  INFO("clone3: errno " << errno);
  REQUIRE(pid > 0);
  pid_ = pid;
  char none = 0;
  REQUIRE(::read(end.get(), &none, 1) == 0);
}

TestProcess::~TestProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait();
  }
}

int TestProcess::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

SharedCounter::SharedCounter()
    : value_(static_cast<long*>(::mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
  REQUIRE(value_ != MAP_FAILED);
}

SharedCounter::~SharedCounter() {
  ::munmap(value_, sizeof(long));
}

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  INFO(path);
  REQUIRE(fd >= 0);
  const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  REQUIRE(written == static_cast<ssize_t>(text.size()));
}

}  // namespace bothy::container

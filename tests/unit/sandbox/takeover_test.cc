// What code that has taken over a thread of the monitor would do next, tried by a thread of each
// role: refused with the sandbox, and done without it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/worker_thread.h"
#include "sandbox/confinement.h"
#include "sandbox/violation.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::sandbox {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;  // the call returned an error
constexpr int kNotSet = 2;   // the process couldn't be confined

// Each attempt returns whether it succeeded. They are raw system calls, as those of injected code.
struct Attempt {
  const char* name;
  std::function<bool()> act;
};

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  return ::syscall(number, a, b, c, d, e, f);
}

long address(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

bool open_socket(int family, int type, int protocol = 0) {
  return raw(SYS_socket, family, type, protocol) >= 0;
}

bool connect_tcp() {
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(9);
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const long fd = raw(SYS_socket, AF_INET, SOCK_STREAM);
  return fd >= 0 &&
         (raw(SYS_connect, fd, address(&peer), sizeof(peer)) == 0 || errno == ECONNREFUSED);
}

bool make_executable() {
  const long page = raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return page > 0 && raw(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC) == 0;
}

std::vector<Attempt> attempts(const std::string& file) {
  static perf_event_attr perf{};
  perf.size = sizeof(perf);
  perf.type = PERF_TYPE_SOFTWARE;
  perf.config = PERF_COUNT_SW_CPU_CLOCK;
  perf.exclude_kernel = 1;
  static io_uring_params ring{};
  static bpf_attr map{};
  map.map_type = BPF_MAP_TYPE_ARRAY;
  map.key_size = map.value_size = sizeof(int);
  map.max_entries = 1;
  static const std::array<const char*, 2> arguments{"true", nullptr};
  return {
      {"execute a shell or a program",
       [] {
         // In a child, so that success can be told.
         const long child = raw(SYS_fork);
         if (child == 0) {
           raw(SYS_execve, address("/bin/true"), address(arguments.data()));
           raw(SYS_exit_group, 1);
         }
         return child > 0;
       }},
      {"execute in place of the monitor",
       [] {
         raw(SYS_execve, address("/bin/true"), address(arguments.data()));
         return false;
       }},
      {"start a process by clone",
       [] {
         const long child = raw(SYS_clone, SIGCHLD);
         if (child == 0) {
           raw(SYS_exit_group, 0);
         }
         return child > 0;
       }},
      {"read the host's files",
       [] { return raw(SYS_openat, AT_FDCWD, address("/etc/passwd"), O_RDONLY) >= 0; }},
      {"write the user's files",
       [file] { return raw(SYS_openat, AT_FDCWD, address(file.c_str()), O_RDWR) >= 0; }},
      {"read them by the old call",
       [] { return raw(SYS_open, address("/etc/passwd"), O_RDONLY) >= 0; }},
      {"make a program setuid",
       [file] { return raw(SYS_chmod, address(file.c_str()), 04755) == 0; }},
      {"list another process's memory",
       [] { return raw(SYS_openat, AT_FDCWD, address("/proc/1/status"), O_RDONLY) >= 0; }},
      {"load code into memory of its own",
       [] {
         return raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1) > 0;
       }},
      {"make memory executable", [] { return make_executable(); }},
      {"call back by TCP", [] { return connect_tcp(); }},
      {"send UDP", [] { return open_socket(AF_INET, SOCK_DGRAM); }},
      {"speak to the kernel by netlink", [] { return open_socket(AF_NETLINK, SOCK_RAW); }},
      {"speak to the host by vsock", [] { return open_socket(AF_VSOCK, SOCK_STREAM); }},
      {"reach a crypto socket", [] { return open_socket(AF_ALG, SOCK_SEQPACKET); }},
      {"send packets", [] { return open_socket(AF_PACKET, SOCK_RAW); }},
      {"signal another process", [] { return raw(SYS_kill, ::getppid(), 0) == 0; }},
      {"signal another process's thread",
       [] { return raw(SYS_tgkill, ::getppid(), ::getppid(), 0) == 0; }},
      {"trace another process", [] { return raw(SYS_ptrace, PTRACE_SEIZE, ::getppid()) == 0; }},
      {"read another process's memory",
       [] {
         int there = 0;
         iovec local{&there, sizeof(there)};
         iovec remote{&there, sizeof(there)};
         return raw(SYS_process_vm_readv, ::getppid(), address(&local), 1, address(&remote), 1) > 0;
       }},
      {"take another process's descriptors", [] { return raw(SYS_pidfd_open, ::getppid()) >= 0; }},
      {"make a user namespace, for the kernel's code behind it",
       [] { return raw(SYS_unshare, CLONE_NEWUSER) == 0; }},
      {"mount",
       [] { return raw(SYS_mount, address("none"), address("/tmp"), 0, MS_PRIVATE) == 0; }},
      {"load BPF", [] { return raw(SYS_bpf, BPF_MAP_CREATE, address(&map), sizeof(map)) >= 0; }},
      {"use perf", [] { return raw(SYS_perf_event_open, address(&perf), 0, -1, -1) >= 0; }},
      {"make a ring, whose operations no filter sees",
       [] { return raw(SYS_io_uring_setup, 4, address(&ring)) >= 0; }},
      {"hold up the kernel by userfaultfd",
       [] { return raw(SYS_userfaultfd, O_CLOEXEC) >= 0 || raw(SYS_userfaultfd, 1) >= 0; }},
      {"use the kernel's keys",
       [] { return raw(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) != 0; }},
      {"be dumped", [] { return raw(SYS_prctl, PR_SET_DUMPABLE, 1) == 0; }},
      {"type on the terminal",
       [] {
         // Without a terminal it is the descriptor that is refused, not the call.
         return raw(SYS_ioctl, 0, TIOCSTI, address("x")) == 0 || errno == ENOTTY || errno == EBADF;
       }},
      {"raise its limits",
       [] {
         std::array<std::uint64_t, 2> limit{};
         return raw(SYS_prlimit64, 0, 7, 0, address(limit.data())) == 0;
       }},
  };
}

// The exit status of a process in which a thread of the role makes the attempt.
int outcome(Mode mode, Role role, const Attempt& attempt) {
  ProcessOptions options;
  options.captured = {STDERR_FILENO};
  auto child = Process::start_function(options, [&] {
    Policy policy{role, {}, {}, false};
    if (!prepare(mode, policy) || !close_doors()) {
      return kNotSet;
    }
    // Ends the process by itself: nothing else may run in it any more.
    const auto act = [&attempt] { raw(SYS_exit_group, attempt.act() ? kDone : kRefused); };
    const auto thread_role = thread_role_of(role);
    if (!thread_role) {
      confine_main();
      act();
      return kNotSet;
    }
    const auto thread = WorkerThread::start("taken over", *thread_role);
    if (!thread) {
      return kNotSet;
    }
    thread.value()->run(act);
    thread.value()->wait();
    return kNotSet;
  });
  REQUIRE(child.has_value());
  child.value().read_output({});
  return child.value().wait().exit_status().value_or(-1);
}

// A call that a role needs for something else is refused by Landlock.
bool is_refused(int status) {
  return status == kViolationStatus || status == kRefused;
}

}  // namespace

TEST_CASE("A thread that was taken over gets nowhere, and would without the sandbox") {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "");
  const auto all = attempts(file);
  std::size_t shown = 0;
  for (const Attempt& attempt : all) {
    CAPTURE(attempt.name);
    // What this host or user doesn't have anyway shows nothing.
    const int without = outcome(Mode::kOff, Role::kVcpu, attempt);
    CHECK((without == kDone || without == kRefused));
    shown += without == kDone ? 1 : 0;
    for (std::size_t i = 0; i < kRoles; ++i) {
      const Role role = static_cast<Role>(i);
      CAPTURE(to_string(role));
      CHECK(is_refused(outcome(Mode::kOn, role, attempt)));
    }
  }
  CHECK(shown >= all.size() / 2);
}

TEST_CASE("Threads without a filter of their own aren't left over") {
  // By the kernel's own word: the mode of the calling thread.
  const Attempt filtered{"", [] { return ::prctl(PR_GET_SECCOMP) == 2; }};
  for (std::size_t i = 0; i < kRoles; ++i) {
    CHECK(outcome(Mode::kOn, static_cast<Role>(i), filtered) == kViolationStatus);
  }
  CHECK(outcome(Mode::kOff, Role::kVcpu, filtered) == kRefused);
}

}  // namespace bothy::sandbox

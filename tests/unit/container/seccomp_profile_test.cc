#include <linux/capability.h>
#include <linux/if_alg.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>

#include "container/seccomp.h"
#include "tests/support/catch.h"
#include "tests/unit/container/seccomp_run.h"

namespace bothy::container {
namespace {

using test::fails_with;
using test::run_seccomp;

constexpr std::uint64_t kGarbage = std::uint64_t{0xdead} << 32U;  // above an int

constexpr Capabilities bit(int capability) {
  return Capabilities{1} << static_cast<unsigned>(capability);
}

SeccompFilter filter_for(Capabilities capabilities) {
  return compile_seccomp(default_seccomp_profile(capabilities), "").value();
}

std::uint32_t result_of(const SeccompFilter& filter, long number, std::uint64_t first = 0) {
  return run_seccomp(filter.program, {number, {first}});
}

// What `body` returns, in a child process with the filter. Nothing but system calls in it: the
// filter knows nothing of the test's libraries.
int run_under(const SeccompFilter& filter, const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    sock_fprog program{static_cast<unsigned short>(filter.program.size()),
                       const_cast<sock_filter*>(filter.program.data())};
    const bool loaded =
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter.flags, &program) == 0;
    ::_exit(loaded ? body() : 100);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("The default seccomp profile allows what programs and the launcher need") {
  const auto filter = filter_for(0);
  for (const long number :
       {SYS_read,      SYS_write,     SYS_openat,         SYS_mmap,         SYS_futex,
        SYS_execve,    SYS_execveat,  SYS_exit_group,     SYS_rt_sigreturn, SYS_epoll_wait,
        SYS_accept4,   SYS_sendmsg,   SYS_prctl,          SYS_capset,       SYS_setuid,
        SYS_setgid,    SYS_setgroups, SYS_close_range,    SYS_dup3,         SYS_fcntl,
        SYS_chdir,     SYS_fchdir,    SYS_ioctl,          SYS_setsid,       SYS_sched_getaffinity,
        SYS_getrandom, SYS_statx,     SYS_newfstatat,     SYS_seccomp,      SYS_ptrace,
        SYS_fork,      SYS_vfork,     SYS_wait4,          SYS_arch_prctl,   SYS_set_robust_list,
        SYS_rseq,      SYS_tgkill,    SYS_clock_nanosleep}) {
    INFO("system call " << number);
    CHECK(result_of(filter, number) == SECCOMP_RET_ALLOW);
  }
}

TEST_CASE("The default seccomp profile denies calls without their capability") {
  struct Case {
    int capability;
    std::vector<long> numbers;
  };
  const Case each = GENERATE(
      Case{CAP_SYS_ADMIN,
           {SYS_mount, SYS_umount2, SYS_pivot_root, SYS_move_mount, SYS_open_tree, SYS_fsopen,
            SYS_mount_setattr, SYS_setns, SYS_unshare, SYS_sethostname, SYS_bpf,
            SYS_perf_event_open, SYS_syslog, SYS_fanotify_init, SYS_quotactl}},
      Case{CAP_BPF, {SYS_bpf}}, Case{CAP_PERFMON, {SYS_perf_event_open}},
      Case{CAP_SYSLOG, {SYS_syslog}}, Case{CAP_SYS_PTRACE, {SYS_userfaultfd, SYS_kcmp}},
      Case{CAP_DAC_READ_SEARCH, {SYS_open_by_handle_at}}, Case{CAP_SYS_CHROOT, {SYS_chroot}},
      Case{CAP_SYS_BOOT, {SYS_reboot}}, Case{CAP_SYS_PACCT, {SYS_acct}},
      Case{CAP_SYS_MODULE, {SYS_init_module, SYS_finit_module, SYS_delete_module}},
      Case{CAP_SYS_RAWIO, {SYS_iopl, SYS_ioperm}},
      Case{CAP_SYS_TIME, {SYS_settimeofday, SYS_clock_settime}},
      Case{CAP_SYS_TTY_CONFIG, {SYS_vhangup}}, Case{CAP_SYS_NICE, {SYS_mbind, SYS_move_pages}});
  const auto without =
      filter_for(~(each.capability == CAP_SYS_ADMIN
                       ? bit(CAP_SYS_ADMIN) | bit(CAP_BPF) | bit(CAP_PERFMON) | bit(CAP_SYSLOG)
                       : bit(CAP_SYS_ADMIN) | bit(each.capability)));
  const auto with = filter_for(bit(each.capability));
  for (const long number : each.numbers) {
    INFO("capability " << each.capability << ", system call " << number);
    CHECK(result_of(without, number) == fails_with(EPERM));
    CHECK(result_of(with, number) == SECCOMP_RET_ALLOW);
  }
}

TEST_CASE("The default seccomp profile denies some calls whatever the capabilities") {
  for (const Capabilities capabilities : {Capabilities{0}, ~Capabilities{0}}) {
    const auto filter = filter_for(capabilities);
    for (const long number : {SYS_kexec_load, SYS_kexec_file_load, SYS_swapon, SYS_swapoff,
                              SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register}) {
      CHECK(result_of(filter, number) == fails_with(EPERM));
    }
    for (const long number : {SYS_keyctl, SYS_add_key, SYS_request_key, SYS_modify_ldt, SYS_uselib,
                              SYS_ustat, SYS_sysfs, 600}) {
      CHECK(result_of(filter, number) == fails_with(ENOSYS));
    }
    CHECK(run_seccomp(filter.program, {20, {}, AUDIT_ARCH_I386}) == SECCOMP_RET_KILL_PROCESS);
  }
}

TEST_CASE("New namespaces take CAP_SYS_ADMIN in the default seccomp profile") {
  const auto filter = filter_for(~bit(CAP_SYS_ADMIN));
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                    CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                    CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  CHECK(result_of(filter, SYS_clone, SIGCHLD) == SECCOMP_RET_ALLOW);
  CHECK(result_of(filter, SYS_clone, kThread) == SECCOMP_RET_ALLOW);
  CHECK(result_of(filter, SYS_clone, CLONE_VFORK | CLONE_VM | SIGCHLD) == SECCOMP_RET_ALLOW);
  for (const std::uint64_t flag :
       {std::uint64_t{CLONE_NEWNS}, std::uint64_t{CLONE_NEWCGROUP}, std::uint64_t{CLONE_NEWUTS},
        std::uint64_t{CLONE_NEWIPC}, std::uint64_t{CLONE_NEWUSER}, std::uint64_t{CLONE_NEWPID},
        std::uint64_t{CLONE_NEWNET}}) {
    CHECK(result_of(filter, SYS_clone, flag | SIGCHLD) == fails_with(EPERM));
    CHECK(result_of(filter, SYS_clone, kGarbage | flag) == fails_with(EPERM));
  }
  CHECK(result_of(filter, SYS_clone, CLONE_NEWUSER | CLONE_NEWNS) == fails_with(EPERM));
  CHECK(result_of(filter, SYS_clone3) == fails_with(ENOSYS));

  const auto privileged = filter_for(bit(CAP_SYS_ADMIN));
  CHECK(result_of(privileged, SYS_clone, CLONE_NEWUSER | SIGCHLD) == SECCOMP_RET_ALLOW);
  CHECK(result_of(privileged, SYS_clone3) == SECCOMP_RET_ALLOW);
}

TEST_CASE("The default seccomp profile allows harmless personalities") {
  const auto filter = filter_for(~Capabilities{0});
  for (const std::uint64_t value :
       {std::uint64_t{PER_LINUX}, std::uint64_t{PER_LINUX32}, std::uint64_t{UNAME26},
        std::uint64_t{0xffffffff}, ~std::uint64_t{0}}) {
    CHECK(result_of(filter, SYS_personality, value) == SECCOMP_RET_ALLOW);
  }
  for (const std::uint64_t value : {ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO}) {
    CHECK(result_of(filter, SYS_personality, value) == fails_with(ENOSYS));
    CHECK(result_of(filter, SYS_personality, kGarbage | value) == fails_with(ENOSYS));
  }
}

TEST_CASE("The default seccomp profile knows the socket families of each container") {
  const auto common = filter_for(~bit(CAP_NET_ADMIN));
  const auto network = filter_for(bit(CAP_NET_ADMIN));
  for (std::uint64_t family = 0; family < 64; ++family) {
    const bool is_common =
        family <= AF_INET || family == AF_INET6 || family == AF_NETLINK || family == AF_PACKET;
    const bool is_other = family < 48 && family != AF_ALG && family != AF_VSOCK;
    for (const long number : {SYS_socket, SYS_socketpair}) {
      INFO("family " << family << ", system call " << number);
      CHECK(result_of(common, number, family) ==
            (is_common ? SECCOMP_RET_ALLOW : fails_with(EAFNOSUPPORT)));
      CHECK(result_of(network, number, family) ==
            (is_other ? SECCOMP_RET_ALLOW : fails_with(EAFNOSUPPORT)));
    }
  }
  // The kernel looks at 32 bits.
  for (const auto& filter : {common, network}) {
    CHECK(result_of(filter, SYS_socket, kGarbage | AF_ALG) == fails_with(EAFNOSUPPORT));
    CHECK(result_of(filter, SYS_socket, kGarbage | AF_VSOCK) == fails_with(EAFNOSUPPORT));
  }
}

TEST_CASE("The kernel takes the default seccomp profile and holds to it") {
  const auto filter = filter_for(0);
  CHECK(run_under(filter, [] { return ::syscall(SYS_getppid) > 0 ? 0 : 1; }) == 0);
  CHECK(run_under(filter, [] {
          return ::syscall(SYS_unshare, CLONE_NEWUSER) == -1 && errno == EPERM ? 0 : 1;
        }) == 0);
  CHECK(run_under(filter, [] {
          return ::syscall(SYS_clone3, nullptr, 0) == -1 && errno == ENOSYS ? 0 : 1;
        }) == 0);
  CHECK(run_under(filter, [] {
          return ::socket(AF_ALG, SOCK_SEQPACKET, 0) == -1 && errno == EAFNOSUPPORT ? 0 : 1;
        }) == 0);
  CHECK(run_under(filter, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1; }) == 0);
  // getpid by the 32-bit entry ends the process, also on a kernel without that entry.
  CHECK(run_under(filter, [] {
          long result = 20;
          __asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
          return 0;
        }) != 0);
}

}  // namespace bothy::container

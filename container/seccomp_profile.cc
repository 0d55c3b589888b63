// bothy's own seccomp profile: a list of what is allowed, for programs of the host's architecture.
//
// A call on no list gets ENOSYS, as on a kernel without it: C libraries then fall back on older
// calls, so programs newer than this list work. A call that is denied for what it can do gets
// EPERM, as from a kernel that checks privileges: programs don't try another way, and report the
// cause.
//
// 32-bit x86 and x32 aren't in it. On 32-bit x86 the arguments of socketcall(2) are in memory,
// where no filter sees them: any process could create sockets of any family by `int 0x80`. The
// kernel's code that translates 32-bit calls is more to attack, and bothy's guest kernel doesn't
// have it.
//
// Arguments that the kernel takes as an int are compared by their lower 32 bits: the upper half of
// the register is whatever the process likes.
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <utility>

#include "container/seccomp.h"

namespace bothy::container {
namespace {

constexpr std::uint64_t kInt = 0xffffffff;

constexpr SeccompAction kAllow{SECCOMP_RET_ALLOW};
constexpr SeccompAction error(std::uint32_t value) {
  return SeccompAction{SECCOMP_RET_ERRNO | value};
}

constexpr Capabilities bit(int capability) {
  return Capabilities{1} << static_cast<unsigned>(capability);
}

// Allowed to everyone. Names are separated by blanks.
constexpr std::array kAllowed{
    // Data of open files.
    "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile "
    "splice tee vmsplice copy_file_range readahead fadvise64 fallocate ftruncate truncate fsync "
    "fdatasync sync syncfs sync_file_range cachestat io_setup io_destroy io_submit io_cancel "
    "io_getevents io_pgetevents",
    // Descriptors.
    "open openat openat2 creat close close_range dup dup2 dup3 fcntl flock ioctl pipe pipe2 "
    "memfd_create memfd_secret",
    // Names and directories. Nodes and handles are the kernel's to check: CAP_MKNOD,
    // CAP_DAC_READ_SEARCH.
    "link linkat unlink unlinkat symlink symlinkat readlink readlinkat rename renameat renameat2 "
    "mkdir mkdirat rmdir mknod mknodat getdents getdents64 chdir fchdir getcwd name_to_handle_at",
    // Attributes of files.
    "stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 chmod fchmod "
    "fchmodat fchmodat2 chown fchown lchown fchownat umask utime utimes futimesat utimensat "
    "setxattr lsetxattr fsetxattr setxattrat getxattr lgetxattr fgetxattr getxattrat listxattr "
    "llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat "
    "file_getattr file_setattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch",
    // What is mounted, as in /proc/self/mountinfo.
    "statmount listmount",
    // Waiting for events.
    "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime "
    "timerfd_gettime",
    // Sockets; which families they may have is below.
    "bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt "
    "sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg",
    // Memory.
    "brk mmap munmap mremap mprotect msync mincore madvise mlock mlock2 munlock mlockall "
    "munlockall remap_file_pages membarrier pkey_alloc pkey_free pkey_mprotect mseal "
    "map_shadow_stack",
    // Processes and threads.
    "fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid "
    "getpgrp setpgid getsid setsid set_tid_address set_robust_list get_robust_list "
    "set_thread_area get_thread_area arch_prctl prctl rseq futex futex_waitv futex_wait "
    "futex_wake futex_requeue restart_syscall pidfd_open pidfd_send_signal process_mrelease",
    // Debuggers, within what the kernel lets a user trace. Since Linux 4.8 a filter holds for what
    // a tracer makes of a call too.
    "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd",
    // Scheduling and limits.
    "sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler "
    "sched_setattr sched_getattr sched_get_priority_max sched_get_priority_min "
    "sched_rr_get_interval sched_setaffinity sched_getaffinity getcpu getpriority setpriority "
    "ioprio_get ioprio_set getrlimit setrlimit prlimit64 getrusage times",
    // Signals.
    "kill tkill tgkill pause alarm rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending "
    "rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack",
    // Users and capabilities. The launcher too makes these calls under the filter, which it
    // installs
    // before it gives up its capabilities unless no_new_privs is set.
    "getuid geteuid getgid getegid getgroups getresuid getresgid setuid setgid setreuid setregid "
    "setresuid setresgid setfsuid setfsgid setgroups capget capset",
    // A sandbox within the container.
    "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr "
    "lsm_set_self_attr lsm_list_modules",
    // Time. Setting it by adjtimex and clock_adjtime takes CAP_SYS_TIME on the host.
    "time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep getitimer setitimer "
    "timer_create timer_settime timer_gettime timer_getoverrun timer_delete adjtimex "
    "clock_adjtime",
    // System V and POSIX queues, semaphores and shared memory, in the container's IPC namespace.
    "shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl "
    "mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr",
    // The system.
    "uname sysinfo getrandom",
};

// Allowed with one of the capabilities, otherwise EPERM: the kernel would mostly refuse them
// itself, but this way the code behind them is out of reach.
struct Privileged {
  Capabilities capabilities;
  const char* names;
};
constexpr std::array kPrivileged{
    // Mounts and namespaces: a mount namespace of one's own undoes masked and read-only paths.
    Privileged{bit(CAP_SYS_ADMIN),
               "mount umount2 pivot_root mount_setattr move_mount open_tree open_tree_attr fsopen "
               "fsconfig fsmount fspick setns unshare"},
    Privileged{bit(CAP_SYS_ADMIN), "sethostname setdomainname quotactl quotactl_fd"},
    // Watching every file of a file system, which is the host's.
    Privileged{bit(CAP_SYS_ADMIN), "fanotify_init fanotify_mark"},
    // Programs in the kernel, its counters and trace points: they see the whole host.
    Privileged{bit(CAP_SYS_ADMIN) | bit(CAP_BPF), "bpf"},
    Privileged{bit(CAP_SYS_ADMIN) | bit(CAP_PERFMON), "perf_event_open"},
    // The host's messages.
    Privileged{bit(CAP_SYS_ADMIN) | bit(CAP_SYSLOG), "syslog"},
    // userfaultfd stops the kernel in the midst of a copy for as long as a process likes, which
    // makes races easy to win; kcmp tells the order of kernel objects.
    Privileged{bit(CAP_SYS_PTRACE), "userfaultfd kcmp"},
    // A file by its inode, past the container's root (the "shocker" escape of 2014).
    Privileged{bit(CAP_DAC_READ_SEARCH), "open_by_handle_at"},
    Privileged{bit(CAP_SYS_CHROOT), "chroot"},
    // The host's processors, devices, clock, kernel and accounts, which have no namespace.
    Privileged{bit(CAP_SYS_BOOT), "reboot"},
    Privileged{bit(CAP_SYS_MODULE), "init_module finit_module delete_module"},
    Privileged{bit(CAP_SYS_PACCT), "acct"},
    Privileged{bit(CAP_SYS_RAWIO), "iopl ioperm"},
    Privileged{bit(CAP_SYS_TIME), "settimeofday clock_settime"},
    Privileged{bit(CAP_SYS_TTY_CONFIG), "vhangup"},
    // Where memory lies among the host's nodes.
    Privileged{
        bit(CAP_SYS_NICE),
        "mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages"},
};

// Denied whatever the capabilities are: another kernel, and the host's swap space. io_uring does
// the work of system calls unseen by a filter, and has had many exploited bugs; EPERM is the error
// of kernel.io_uring_disabled, on which programs fall back.
constexpr std::array kDenied{
    "kexec_load kexec_file_load swapon swapoff",
    "io_uring_setup io_uring_enter io_uring_register",
};

// On no list, so ENOSYS:
// - clone3 without CAP_SYS_ADMIN: its flags are in memory, where no filter sees them. C libraries
//   fall back on clone.
// - add_key, request_key, keyctl: keyrings and their quotas aren't wholly divided by namespaces.
//   Container engines and systemd go on without them.
// - modify_ldt: 16-bit segments, for old Windows programs, with a history of vulnerabilities.
// - obsolete calls: uselib, _sysctl, sysfs, ustat, nfsservctl.

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

class Builder {
 public:
  void add(SeccompAction action, std::string_view names) {
    profile_.rules.push_back({words(names), action, {}});
  }
  // For calls whose argument `index` has `value` in the bits of `mask`.
  void add(SeccompAction action, std::string_view names, std::uint32_t index, std::uint64_t mask,
           std::uint64_t value) {
    profile_.rules.push_back(
        {words(names), action, {{index, SeccompCompare::kMaskedEqual, mask, value}}});
  }
  // For calls whose first argument is greater.
  void add_above(SeccompAction action, std::string_view names, std::uint64_t value) {
    profile_.rules.push_back({words(names), action, {{0, SeccompCompare::kGreater, value, 0}}});
  }
  SeccompProfile take() { return std::move(profile_); }

 private:
  SeccompProfile profile_{error(ENOSYS), {}, {}, {}};
};

// Threads and processes, without new namespaces unless the capability allows unshare(2) as well.
// The flags of clone(2) are its first argument on x86_64 and aarch64.
void add_clone(Builder& builder, Capabilities capabilities) {
  if ((capabilities & bit(CAP_SYS_ADMIN)) != 0) {
    return builder.add(kAllow, "clone clone3");
  }
  constexpr std::array<std::uint64_t, 7> kNamespaces{CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                                     CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                                     CLONE_NEWNET};
  std::uint64_t all = 0;
  for (const std::uint64_t flag : kNamespaces) {
    builder.add(error(EPERM), "clone", 0, flag, flag);
    all |= flag;
  }
  builder.add(kAllow, "clone", 0, all, 0);
}

// PER_LINUX, PER_LINUX32, UNAME26, the latter two together, and the query of what is set. Other
// personalities make memory executable or addresses predictable.
void add_personality(Builder& builder) {
  for (const std::uint64_t value : {0x0U, 0x8U, 0x20000U, 0x20008U, 0xffffffffU}) {
    builder.add(kAllow, "personality", 0, kInt, value);
  }
}

// Socket families from `first` on.
struct Families {
  std::uint64_t first;
  std::uint64_t size;  // a power of two that divides `first`
};

// Creating a socket loads the module of its family on the host, and many of those are old and
// hardly maintained. UNIX, INET, INET6, NETLINK and PACKET are for all containers, the others for
// those with CAP_NET_ADMIN, except two: ALG, the kernel's cryptography, which hardly any program
// needs (CVE-2026-31431), and VSOCK, which has no namespace and reaches the host's hypervisor and
// virtual machines. The error is that of a kernel without the family.
void add_sockets(Builder& builder, Capabilities capabilities) {
  constexpr const char* kCalls = "socket socketpair";
  const auto add = [&](SeccompAction action, std::initializer_list<Families> families) {
    for (const Families& each : families) {
      builder.add(action, kCalls, 0, kInt & ~(each.size - 1), each.first);
    }
  };
  constexpr SeccompAction kNoFamily = error(EAFNOSUPPORT);
  if ((capabilities & bit(CAP_NET_ADMIN)) != 0) {
    add(kAllow, {{0, 32}, {32, 4}, {36, 2}, {39, 1}, {41, 1}, {42, 2}, {44, 4}});
    add(kNoFamily, {{38, 1}, {40, 1}});
    builder.add_above(kNoFamily, kCalls, 47);
  } else {
    add(kAllow, {{0, 2}, {2, 1}, {10, 1}, {16, 2}});
    add(kNoFamily, {{3, 1}, {4, 4}, {8, 2}, {11, 1}, {12, 4}});
    builder.add_above(kNoFamily, kCalls, 17);
  }
}

}  // namespace

SeccompProfile default_seccomp_profile(Capabilities capabilities) {
  Builder builder;
  for (const char* names : kAllowed) {
    builder.add(kAllow, names);
  }
  for (const Privileged& each : kPrivileged) {
    const bool allowed = (capabilities & each.capabilities) != 0;
    builder.add(allowed ? kAllow : error(EPERM), each.names);
  }
  for (const char* names : kDenied) {
    builder.add(error(EPERM), names);
  }
  add_clone(builder, capabilities);
  add_personality(builder);
  add_sockets(builder, capabilities);
  return builder.take();
}

}  // namespace bothy::container

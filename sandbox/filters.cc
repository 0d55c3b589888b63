#include "sandbox/filters.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/sanitizers.h"

namespace bothy::sandbox {
namespace {

using rules::any;
using rules::kInt;
using rules::kLong;
using rules::one_of;
using rules::own_process;

// Values of arguments.
template <class... Values>
constexpr auto values_of(Values... values) {
  return std::array{static_cast<std::uint64_t>(values)...};
}
constexpr auto kZero = values_of(0);
constexpr auto kRun = values_of(KVM_RUN);
constexpr auto kDescriptors = values_of(F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC);
constexpr auto kUnix = values_of(AF_UNIX);
constexpr auto kTaps = values_of(TUNSETOFFLOAD, TUNSETQUEUE, TUNSETVNETHDRSZ, FIONBIO);
constexpr auto kTerminals = values_of(FIONBIO, TIOCGWINSZ, TCGETS, TIOCGPGRP);
constexpr auto kRings = values_of(IORING_UNREGISTER_RING_FDS);
constexpr auto kDiscard = values_of(BLKDISCARD);
constexpr auto kMainDescriptors =
    values_of(F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC, F_OFD_SETLK);
constexpr auto kMachine = values_of(KVM_GET_REGS, KVM_GET_SREGS, KVM_GET_MP_STATE, TCGETS, TCSETS,
                                    TCSETSW, TCSETSF, TIOCGWINSZ, TIOCGPGRP, FIONBIO);
constexpr auto kBlocking = values_of(FIONBIO);

// Memory that can be executed is never made: a thread that was taken over has bothy's own code.
constexpr Rule kMmap = one_of(SYS_mmap, 2, PROT_EXEC, kZero, "no PROT_EXEC");
constexpr Rule kMprotect = one_of(SYS_mprotect, 2, PROT_EXEC, kZero, "no PROT_EXEC");
// To the peer of a connected socket only.
constexpr Rule kSendto = one_of(SYS_sendto, 4, kLong, kZero, "to the peer");

// What every thread needs: to wait and to wake, to allocate, to log, to end, to abort. mallopt() in
// Confinement keeps malloc from asking for the number of CPUs.
constexpr std::array kEveryThread{
    any(SYS_futex),
    any(SYS_write),
    any(SYS_poll),           // of stderr, for room
    any(SYS_clock_gettime),  // where the vDSO has no clock
    kMmap,
    kMprotect,
    any(SYS_munmap),
    any(SYS_madvise),
    any(SYS_brk),
    any(SYS_rt_sigreturn),
    any(SYS_rt_sigprocmask),
    any(SYS_restart_syscall),
    any(SYS_exit_group),
    any(SYS_getpid),
    any(SYS_gettid),
    own_process(SYS_tgkill, 0),
};

constexpr std::array kVcpuFirst{
    one_of(SYS_ioctl, 1, kInt, kRun, "KVM_RUN"),
};
// Posting to an executor; a device's reset, which empties its doorbells.
constexpr std::array kVcpuMore{
    any(SYS_epoll_ctl),
    any(SYS_preadv2),
};
// Of a thread that ends before the process does.
constexpr std::array kThreadEnd{
    any(SYS_exit),
};
constexpr auto kVcpu = join(kVcpuFirst, kEveryThread, kThreadEnd, kVcpuMore);

// An executor's loop.
constexpr std::array kLoop{
    any(SYS_epoll_wait), any(SYS_epoll_ctl), any(SYS_timerfd_settime),
    any(SYS_read),       any(SYS_close),     any(SYS_mremap),
};

constexpr std::array kDevicesMore{
    any(SYS_preadv2),  // an eventfd
    kSendto,
    any(SYS_recvfrom),
    any(SYS_recvmsg),
    any(SYS_sendmsg),
    any(SYS_readv),
    any(SYS_writev),
    any(SYS_getrandom),
    any(SYS_fallocate),
    any(SYS_eventfd2),
    any(SYS_epoll_create1),
    any(SYS_shutdown),
    any(SYS_accept4),
    one_of(SYS_fcntl, 1, kInt, kDescriptors, "F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC"),
    one_of(SYS_socket, 0, kInt, kUnix, "AF_UNIX"),
    any(SYS_connect),
    one_of(SYS_ioctl, 1, kInt, kTaps, "TUNSETOFFLOAD, TUNSETQUEUE, TUNSETVNETHDRSZ, FIONBIO"),
};
constexpr auto kDevices = join(kLoop, kEveryThread, kThreadEnd, kDevicesMore);

constexpr std::array kConsoleMore{
    kSendto,
    any(SYS_recvfrom),
    any(SYS_sendmsg),
    any(SYS_recvmsg),
    any(SYS_accept4),
    any(SYS_shutdown),
    any(SYS_ftruncate),
    one_of(SYS_fcntl, 1, kInt, kDescriptors, "F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC"),
    one_of(SYS_ioctl, 1, kInt, kTerminals, "FIONBIO, TIOCGWINSZ, TCGETS, TIOCGPGRP"),
};
constexpr auto kConsole = join(kLoop, kEveryThread, kThreadEnd, kConsoleMore);

constexpr std::array kDiskFirst{
    any(SYS_io_uring_enter),
    any(SYS_preadv2),
};
constexpr std::array kDiskMore{
    any(SYS_preadv),
    any(SYS_pwritev2),
    any(SYS_fdatasync),
    any(SYS_fallocate),
    any(SYS_ppoll),
    any(SYS_read),  // an eventfd
    any(SYS_close),
    any(SYS_mremap),
    any(SYS_sched_getaffinity),
    one_of(SYS_io_uring_register, 1, kInt, kRings, "IORING_UNREGISTER_RING_FDS"),
    one_of(SYS_ioctl, 1, kInt, kDiscard, "BLKDISCARD"),
};
constexpr auto kDisk = join(kDiskFirst, kEveryThread, kThreadEnd, kDiskMore);

constexpr std::array kNetworkFirst{
    any(SYS_epoll_wait), any(SYS_readv),     any(SYS_writev), any(SYS_recvmsg), any(SYS_sendmsg),
    any(SYS_recvfrom),   any(SYS_epoll_ctl), any(SYS_read),   kSendto,
};
constexpr std::array kNetworkMore{
    any(SYS_preadv2),
    any(SYS_close),
    any(SYS_mremap),
};
constexpr auto kNetwork = join(kNetworkFirst, kEveryThread, kThreadEnd, kNetworkMore);

// The main thread takes the machine down, and reads the registers of its vCPUs for a report.
constexpr std::array kMain{
    kSendto,
    any(SYS_recvfrom),
    any(SYS_readv),
    any(SYS_accept4),
    any(SYS_shutdown),
    any(SYS_rt_sigaction),
    any(SYS_newfstatat),
    any(SYS_unlinkat),
    any(SYS_ftruncate),
    any(SYS_getrandom),
    // The last one unlocks disks.
    one_of(SYS_fcntl, 1, kInt, kMainDescriptors,
           "F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC, F_OFD_SETLK"),
};
constexpr std::array kBootMore{
    any(SYS_lseek),    // a disk's length
    any(SYS_getpgrp),  // whether the terminal is this job's
    any(SYS_recvmsg),  // a companion's sockets
    one_of(SYS_ioctl, 1, kInt, kMachine,
           "KVM_GET_REGS, KVM_GET_SREGS, KVM_GET_MP_STATE, TCGETS, TCSETS, TCSETSW, TCSETSF, "
           "TIOCGWINSZ, TIOCGPGRP, FIONBIO"),
};
constexpr auto kBoot = join(kLoop, kEveryThread, kMain, kBootMore);

// The instance's directories, which Landlock holds it to.
constexpr std::array kVmOwnerMore{
    one_of(SYS_ioctl, 1, kInt, kBlocking, "FIONBIO"),
    any(SYS_openat),
    any(SYS_rename),
    any(SYS_readlink),
    any(SYS_statx),
    any(SYS_getdents64),
    any(SYS_flock),
};
constexpr auto kVmOwner = join(kLoop, kEveryThread, kMain, kVmOwnerMore);

// An entry of kEntries: a table, and the program made of it.
template <const auto& kTable>
struct Compiled {
  static constexpr auto kProgram = compile(kTable);
  static constexpr auto kCode = shrink<kProgram.size>(kProgram);
};

// What sanitizers' own code calls, to report what they find. In no other build.
#ifdef BOTHY_SANITIZED
constexpr std::array kSanitizers{
    any(SYS_sigaltstack), any(SYS_sched_yield), any(SYS_openat),  any(SYS_readlink),
    any(SYS_read),        any(SYS_close),       any(SYS_clone),   any(SYS_newfstatat),
    any(SYS_ptrace),      any(SYS_wait4),       any(SYS_prctl),   any(SYS_rt_sigaction),
    any(SYS_mremap),      any(SYS_getuid),      any(SYS_getppid),
};

template <const auto& kTable>
constexpr auto kWithSanitizers = join(kTable, kSanitizers);
#endif

struct Entry {
  std::string_view name;
  std::span<const Rule> rules;
  std::span<const sock_filter> program;
  std::span<const sock_filter> sanitized;
};

template <const auto& kTable>
constexpr Entry entry(std::string_view name) {
#ifdef BOTHY_SANITIZED
  return {name, kTable, Compiled<kTable>::kCode, Compiled<kWithSanitizers<kTable>>::kCode};
#else
  return {name, kTable, Compiled<kTable>::kCode, Compiled<kTable>::kCode};
#endif
}

// By Role.
constexpr std::array<Entry, kRoles> kEntries{
    entry<kVcpu>("vcpu"),        entry<kDevices>("devices"), entry<kConsole>("console"),
    entry<kDisk>("disk"),        entry<kNetwork>("network"), entry<kBoot>("boot"),
    entry<kVmOwner>("vm-owner"),
};

const Entry& entry_of(Role role) noexcept {
  return kEntries[static_cast<std::size_t>(role)];
}

constexpr std::size_t longest_program() {
  std::size_t longest = 0;
  for (const Entry& each : kEntries) {
    longest = std::max(longest, each.sanitized.size());
  }
  return longest;
}

}  // namespace

Role role_of(ThreadRole role) noexcept {
  switch (role) {
    case ThreadRole::kVcpu:
      return Role::kVcpu;
    case ThreadRole::kDevices:
      return Role::kDevices;
    case ThreadRole::kConsole:
      return Role::kConsole;
    case ThreadRole::kDisk:
      return Role::kDisk;
    case ThreadRole::kNetwork:
      return Role::kNetwork;
  }
  return Role::kVcpu;
}

std::optional<ThreadRole> thread_role_of(Role role) noexcept {
  for (const ThreadRole each : {ThreadRole::kVcpu, ThreadRole::kDevices, ThreadRole::kConsole,
                                ThreadRole::kDisk, ThreadRole::kNetwork}) {
    if (role_of(each) == role) {
      return each;
    }
  }
  return std::nullopt;
}

std::string_view to_string(Role role) noexcept {
  return entry_of(role).name;
}

std::optional<Role> role_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kEntries.size(); ++i) {
    if (kEntries[i].name == name) {
      return static_cast<Role>(i);
    }
  }
  return std::nullopt;
}

std::span<const Rule> rules_of(Role role) noexcept {
  return entry_of(role).rules;
}

std::span<const sock_filter> program_of(Role role) noexcept {
  return entry_of(role).program;
}

const char* install_filter(Role role, bool with_sanitizers) noexcept {
  const Entry& found = entry_of(role);
  const std::span<const sock_filter> program = with_sanitizers ? found.sanitized : found.program;
  std::array<sock_filter, longest_program()> code;
  std::ranges::copy(program, code.begin());
  const auto process = static_cast<std::uint32_t>(::getpid());
  for (sock_filter& each : std::span(code).first(program.size())) {
    each.k = each.code == kJumpIfEqual && each.k == kOwnProcessMark ? process : each.k;
  }
  const sock_fprog installed{static_cast<unsigned short>(program.size()), code.data()};
  // Without the flag, kernels before 5.16 turn off speculation for the thread: a protection of code
  // that interprets what strangers write, which slows KVM_RUN.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                   &installed) == 0
             ? nullptr
             : "can't install a seccomp filter";
}

}  // namespace bothy::sandbox

// Ways to the kernel by system calls that a workload doesn't need.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "bench/probe/escape.h"

namespace bothy::probe {
namespace {

// Whether a call that is made with useless arguments was refused for these, after permission had
// been checked.
bool passed_permission(const char* call, long result, Detail& detail) {
  note(detail, call);
  return result >= 0 || (errno != EPERM && errno != EACCES && errno != ENOSYS);
}

bool succeeded(const char* call, long result, Detail& detail) {
  note(detail, call);
  return result >= 0;
}

constexpr char kDirectory[] = "/tmp/bothy-bench-mount";

bool mount_something(const char* type, const char* data, Detail& detail) {
  mkdir(kDirectory, 0700);
  const bool mounted = mount("none", kDirectory, type, 0, data) == 0;
  note(detail, "mount");
  if (mounted) {
    umount2(kDirectory, MNT_DETACH);
  }
  rmdir(kDirectory);
  return mounted;
}

bool mount_tmpfs(const char*, Detail& detail) {
  return mount_something("tmpfs", nullptr, detail);
}
bool mount_cgroup_v1(const char*, Detail& detail) {
  return mount_something("cgroup", "none,name=bothy-bench", detail);
}
bool unmask_proc(const char*, Detail& detail) {
  const bool was_read_only = access("/proc/sys/kernel/core_pattern", W_OK) != 0;
  const long result = mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND, nullptr);
  note(detail, "remount /proc/sys");
  if (result == 0 && was_read_only) {
    mount(nullptr, "/proc/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr);
  }
  return result == 0;
}
bool new_user_namespace(const char*, Detail& detail) {
  return succeeded("unshare", unshare(CLONE_NEWUSER), detail);
}
bool load_module(const char*, Detail& detail) {
  static const char kNothing[] = "no module";
  return passed_permission("init_module", syscall(SYS_init_module, kNothing, sizeof kNothing, ""),
                           detail);
}
bool load_bpf(const char*, Detail& detail) {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insn_cnt = 2;
  attributes.insns = reinterpret_cast<uintptr_t>(code);
  attributes.license = reinterpret_cast<uintptr_t>("GPL");
  return succeeded("bpf", syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes), detail);
}
bool observe_all(const char*, Detail& detail) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CONTEXT_SWITCHES;
  constexpr int kEveryProcess = -1;
  return succeeded("perf_event_open",
                   syscall(SYS_perf_event_open, &attributes, kEveryProcess, 0, -1, 0), detail);
}
bool raw_socket(const char*, Detail& detail) {
  return succeeded("socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), detail);
}
bool packet_socket(const char*, Detail& detail) {
  return succeeded("socket", socket(AF_PACKET, SOCK_RAW, 0), detail);
}
bool open_by_handle(const char*, Detail& detail) {
  struct {
    unsigned bytes = 8;
    int type = 1;
    char handle[8] = {};
  } handle;
  const int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return passed_permission("open_by_handle_at",
                           syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY), detail);
}
bool reboot_host(const char*, Detail& detail) {
  // No such magic number: nothing happens.
  return passed_permission("reboot", syscall(SYS_reboot, 1, 2, 3, nullptr), detail);
}
bool set_clock(const char*, Detail& detail) {
  timex change{};
  change.modes = ADJ_TICK;  // of 0, which no clock has
  return passed_permission("adjtimex", adjtimex(&change), detail);
}
bool swap_on(const char*, Detail& detail) {
  return passed_permission("swapon", swapon("/nothere", 0), detail);
}
bool raise_priority(const char*, Detail& detail) {
  return succeeded("setpriority", setpriority(PRIO_PROCESS, 0, -5), detail);
}
bool io_ports(const char*, Detail& detail) {
  return succeeded("ioperm", ioperm(0x80, 1, 1), detail);
}
bool use_io_uring(const char*, Detail& detail) {
  io_uring_params parameters{};
  return succeeded("io_uring_setup", syscall(SYS_io_uring_setup, 1, &parameters), detail);
}
bool use_userfaultfd(const char*, Detail& detail) {
  return succeeded("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC), detail);
}
bool call_as_i386(const char*, Detail& detail) {
  constexpr long kGetpid = 20;  // of i386
  long result = kGetpid;
  __asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
  snprintf(detail.text, sizeof detail.text, "int $0x80: %ld", result);
  return result == getpid();
}
bool call_as_x32(const char*, Detail& detail) {
  constexpr long kX32 = 0x40000000;
  const long result = syscall(kX32 | SYS_getpid);
  note(detail, "x32 getpid");
  return result == getpid();
}
bool read_kernel_log(const char*, Detail& detail) {
  constexpr int kReadAll = 3;  // SYSLOG_ACTION_READ_ALL
  char text[256];
  return succeeded("syslog", klogctl(kReadAll, text, sizeof text), detail);
}

}  // namespace

extern const Way kKernelWays[] = {{"mount", mount_tmpfs},
                                  {"cgroup-v1-mount", mount_cgroup_v1},
                                  {"proc-unmask", unmask_proc},
                                  {"user-namespace", new_user_namespace},
                                  {"kernel-module", load_module},
                                  {"bpf", load_bpf},
                                  {"perf", observe_all},
                                  {"raw-socket", raw_socket},
                                  {"packet-socket", packet_socket},
                                  {"file-handle", open_by_handle},
                                  {"reboot", reboot_host},
                                  {"clock", set_clock},
                                  {"swap", swap_on},
                                  {"priority", raise_priority},
                                  {"io-ports", io_ports},
                                  {"io-uring", use_io_uring},
                                  {"userfaultfd", use_userfaultfd},
                                  {"i386-calls", call_as_i386},
                                  {"x32-calls", call_as_x32},
                                  {"kernel-log", read_kernel_log},
                                  {nullptr, nullptr}};

}  // namespace bothy::probe

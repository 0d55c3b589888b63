// The probes of the seccomp filter.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

// Calls that no container without more capabilities needs, with arguments that the kernel's own
// code behind them refuses for another reason than the caller's rights.
static const struct {
  const char* name;
  long number;
  long arguments[5];
} kCalls[] = {
    {"add_key", SYS_add_key, {0}},
    {"request_key", SYS_request_key, {0}},
    {"keyctl", SYS_keyctl, {-1}},
    {"bpf", SYS_bpf, {-1, 0, 0}},
    {"perf_event_open", SYS_perf_event_open, {0}},
    {"userfaultfd", SYS_userfaultfd, {-1}},
    {"kcmp", SYS_kcmp, {-1, -1, -1}},
    {"io_uring_setup", SYS_io_uring_setup, {0}},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, 0}},
    {"mount", SYS_mount, {0}},
    {"umount2", SYS_umount2, {0, -1}},
    {"pivot_root", SYS_pivot_root, {0}},
    {"fsopen", SYS_fsopen, {0, -1}},
    {"open_tree", SYS_open_tree, {-1, 0, -1}},
    {"move_mount", SYS_move_mount, {-1, 0, -1, 0, -1}},
    {"mount_setattr", SYS_mount_setattr, {-1, 0, -1}},
    {"setns", SYS_setns, {-1, 0}},
    {"clone3", SYS_clone3, {0}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, -1}},
    {"init_module", SYS_init_module, {0}},
    {"delete_module", SYS_delete_module, {0}},
    {"reboot", SYS_reboot, {0}},
    {"swapon", SYS_swapon, {0, -1}},
    {"acct", SYS_acct, {-1}},
    {"syslog", SYS_syslog, {-1}},
    {"quotactl", SYS_quotactl, {-1}},
    {"fanotify_init", SYS_fanotify_init, {-1}},
    {"clock_settime", SYS_clock_settime, {CLOCK_REALTIME, 0}},
    {"AF_VSOCK", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"AF_ALG", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}},
};

void probe_calls(char** arguments) {
  (void)arguments;
  for (size_t i = 0; i < sizeof(kCalls) / sizeof(kCalls[0]); ++i) {
    const long* values = kCalls[i].arguments;
    const long result =
        syscall(kCalls[i].number, values[0], values[1], values[2], values[3], values[4]);
    if (result >= 0 || (errno != EPERM && errno != ENOSYS && errno != EAFNOSUPPORT)) {
      WEAK("%s: %s", kCalls[i].name, result >= 0 ? "allowed" : strerror(errno));
    }
  }
}

// Namespaces that a process can make, alone or with a user namespace.
void probe_namespaces(char** arguments) {
  (void)arguments;
  static const int kKinds[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                               CLONE_NEWUTS,  CLONE_NEWIPC, CLONE_NEWCGROUP};
  for (size_t i = 0; i < sizeof(kKinds) / sizeof(kKinds[0]); ++i) {
    for (int user = 0; user <= CLONE_NEWUSER; user += CLONE_NEWUSER) {
      const long child = syscall(SYS_clone, SIGCHLD | user | kKinds[i], 0, 0, 0, 0);
      if (child == 0) {
        _exit(0);
      }
      if (child > 0) {
        waitpid((pid_t)child, NULL, 0);
        WEAK("clone makes namespaces (%x)", user | kKinds[i]);
      }
      const pid_t other = fork();
      if (other == 0) {
        _exit(unshare(user | kKinds[i]) == 0);
      }
      int ended = 0;
      waitpid(other, &ended, 0);
      if (ended != 0) {
        WEAK("unshare makes namespaces (%x)", user | kKinds[i]);
      }
    }
  }
}

// getpid of 32-bit programs and of x32, in a process of its own: a kernel without them ends it.
void probe_old_calls(char** arguments) {
  (void)arguments;
  for (int x32 = 0; x32 < 2; ++x32) {
    const pid_t child = fork();
    if (child == 0) {
      long result = x32 ? 0x40000000 + SYS_getpid : 20;
      if (x32) {
        __asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
      } else {
        __asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
      }
      _exit(result == getpid());
    }
    int ended = 0;
    waitpid(child, &ended, 0);
    if (WIFEXITED(ended) && WEXITSTATUS(ended) != 0) {
      WEAK("calls of %s", x32 ? "x32" : "32-bit x86");
    }
  }
}

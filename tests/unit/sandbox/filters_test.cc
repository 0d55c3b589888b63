#include "sandbox/filters.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "sandbox/listing.h"
#include "sandbox/syscall_names.h"
#include "sandbox/violation.h"
#include "tests/support/catch.h"

namespace bothy::sandbox {
namespace {

std::vector<Role> all_roles() {
  std::vector<Role> roles;
  for (std::size_t i = 0; i < kRoles; ++i) {
    roles.push_back(static_cast<Role>(i));
  }
  return roles;
}

std::uint32_t verdict(Role role, std::uint32_t number, std::uint8_t argument = 0,
                      std::uint64_t value = 0) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = AUDIT_ARCH_X86_64;
  data.args[argument] = value;
  return evaluate(program_of(role), data);
}

// What a thread of the role gets for `call`: the exit status of a process, and what it says.
struct Result {
  int status;
  std::string said;
};
Result confined(Role role, const std::function<void()>& call) {
  ProcessOptions options;
  options.captured = {STDERR_FILENO};
  auto child = Process::start_function(options, [&] {
    if (!install_violation_handler() || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
      return 99;
    }
    note_role(role);
    if (install_filter(role) != nullptr) {
      return 98;
    }
    call();
    // A sanitizer's own calls at the end are none of the role's.
    ::syscall(SYS_exit_group, 0);
    return 97;
  });
  REQUIRE(child.has_value());
  child.value().read_output({});
  const int status = child.value().wait().exit_status().value_or(-1);
  return {status, child.value().output()};
}

}  // namespace

TEST_CASE("A filter allows exactly what its table has, of all numbers") {
  const auto role = GENERATE(from_range(all_roles()));
  CAPTURE(to_string(role));
  std::map<std::uint32_t, const Rule*> table;
  for (const Rule& rule : rules_of(role)) {
    CHECK(table.emplace(rule.number, &rule).second);  // no call has two rules
  }
  for (std::uint32_t number = 0; number < 1024; ++number) {
    const auto rule = table.find(number);
    CAPTURE(number, syscall_name(number));
    if (rule == table.end()) {
      CHECK(verdict(role, number) == SECCOMP_RET_TRAP);
      CHECK(reach(program_of(role), number) == Reach::kNever);
    } else if (rule->second->operand == Operand::kAny) {
      CHECK(verdict(role, number) == SECCOMP_RET_ALLOW);
      CHECK(reach(program_of(role), number) == Reach::kAlways);
    } else {
      CHECK(reach(program_of(role), number) == Reach::kByArguments);
    }
  }
}

TEST_CASE("Values of arguments are compared under the mask, and no other is allowed") {
  const auto role = GENERATE(from_range(all_roles()));
  for (const Rule& rule : rules_of(role)) {
    CAPTURE(to_string(role), syscall_name(rule.number));
    if (rule.operand == Operand::kOwnProcess) {
      CHECK(verdict(role, rule.number, rule.argument, kOwnProcessMark) == SECCOMP_RET_ALLOW);
      CHECK(verdict(role, rule.number, rule.argument, 1) == SECCOMP_RET_TRAP);
    }
    if (rule.operand != Operand::kOneOf) {
      continue;
    }
    std::set<std::uint64_t> allowed(rule.values.begin(), rule.values.end());
    for (const std::uint64_t value : allowed) {
      CHECK(verdict(role, rule.number, rule.argument, value) == SECCOMP_RET_ALLOW);
      CHECK(verdict(role, rule.number, rule.argument, value | ~rule.mask) == SECCOMP_RET_ALLOW);
      for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t other = value ^ (std::uint64_t{1} << bit);
        const bool is_allowed = allowed.contains(other & rule.mask);
        CAPTURE(other);
        CHECK(verdict(role, rule.number, rule.argument, other) ==
              (is_allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_TRAP));
      }
    }
  }
}

TEST_CASE("Calls of other ABIs are denied") {
  const auto role = GENERATE(from_range(all_roles()));
  constexpr std::uint32_t kX32 = 0x40000000;
  for (std::uint32_t number = 0; number < 1024; ++number) {
    CHECK(verdict(role, kX32 | number) == SECCOMP_RET_TRAP);
    seccomp_data data{};
    data.nr = static_cast<int>(number);
    data.arch = AUDIT_ARCH_I386;
    CHECK(evaluate(program_of(role), data) == SECCOMP_RET_KILL_PROCESS);
  }
}

TEST_CASE("Roles have few calls") {
  CHECK(rules_of(Role::kVcpu).size() <= 20);
  for (const Role role : all_roles()) {
    CAPTURE(to_string(role));
    CHECK(rules_of(role).size() <= 40);
    CHECK(allowed_calls(role).size() == rules_of(role).size());
  }
}

TEST_CASE("No role reaches what takes over a host") {
  const std::set<std::string_view> denied{"execve",
                                          "execveat",
                                          "fork",
                                          "vfork",
                                          "clone",
                                          "clone3",
                                          "ptrace",
                                          "process_vm_writev",
                                          "process_vm_readv",
                                          "kill",
                                          "tkill",
                                          "pidfd_open",
                                          "pidfd_getfd",
                                          "pidfd_send_signal",
                                          "mount",
                                          "umount2",
                                          "move_mount",
                                          "open_tree",
                                          "fsopen",
                                          "fsconfig",
                                          "mount_setattr",
                                          "pivot_root",
                                          "chroot",
                                          "unshare",
                                          "setns",
                                          "bpf",
                                          "perf_event_open",
                                          "userfaultfd",
                                          "keyctl",
                                          "add_key",
                                          "request_key",
                                          "io_uring_setup",
                                          "init_module",
                                          "finit_module",
                                          "kexec_load",
                                          "kexec_file_load",
                                          "reboot",
                                          "open",
                                          "openat2",
                                          "creat",
                                          "open_by_handle_at",
                                          "link",
                                          "linkat",
                                          "symlink",
                                          "symlinkat",
                                          "mknod",
                                          "mknodat",
                                          "chmod",
                                          "fchmod",
                                          "fchmodat",
                                          "chown",
                                          "fchown",
                                          "lchown",
                                          "fchownat",
                                          "setuid",
                                          "setgid",
                                          "setreuid",
                                          "setregid",
                                          "setresuid",
                                          "setresgid",
                                          "setgroups",
                                          "capset",
                                          "prctl",
                                          "arch_prctl",
                                          "seccomp",
                                          "personality",
                                          "bind",
                                          "listen",
                                          "socketpair",
                                          "setsockopt",
                                          "modify_ldt",
                                          "memfd_create",
                                          "memfd_secret",
                                          "shmget",
                                          "shmat",
                                          "msgget",
                                          "semget",
                                          "remap_file_pages",
                                          "pkey_mprotect",
                                          "iopl",
                                          "ioperm",
                                          "quotactl",
                                          "swapon",
                                          "acct",
                                          "syslog",
                                          "settimeofday",
                                          "clock_settime",
                                          "adjtimex",
                                          "setrlimit",
                                          "prlimit64",
                                          "nfsservctl",
                                          "vmsplice",
                                          "splice",
                                          "tee",
                                          "process_madvise",
                                          "kcmp",
                                          "rseq"};
  const auto role = GENERATE(from_range(all_roles()));
  std::size_t seen = 0;
  for (std::uint32_t number = 0; number < syscall_count(); ++number) {
    if (denied.contains(syscall_name(number))) {
      ++seen;
      CAPTURE(to_string(role), syscall_name(number));
      CHECK(reach(program_of(role), number) == Reach::kNever);
    }
  }
  // The names are those of the headers, or nothing was checked.
  CHECK(seen > 90);
}

TEST_CASE("Names of roles and of calls") {
  for (const Role role : all_roles()) {
    CHECK(role_named(to_string(role)) == role);
  }
  CHECK(!role_named("other"));
  CHECK(syscall_name(SYS_read) == "read");
  CHECK(syscall_name(SYS_close_range) == "close_range");
  CHECK(syscall_name(100000).empty());
  const auto calls = allowed_calls(Role::kVcpu);
  CHECK(std::ranges::count(calls, "ioctl (KVM_RUN)") == 1);
  CHECK(std::ranges::count(calls, "futex") == 1);
}

TEST_CASE("The documented lists of calls are those of the filters") {
  const auto page = read_file(BOTHY_SECURITY_PAGE, 1U << 20U);
  REQUIRE(page.has_value());
  for (const Role role : all_roles()) {
    const std::string row = documented_row(role);
    INFO("docs/security.md lacks the line\n" << row);
    CHECK(page.value().find(row + "\n") != std::string::npos);
  }
}

TEST_CASE("A violation ends the process with one line and a status of its own") {
  const auto role = GENERATE(from_range(all_roles()));
  const Result result =
      confined(role, [] { ::syscall(SYS_execve, "/bin/true", nullptr, nullptr); });
  CHECK(result.status == kViolationStatus);
  CHECK(result.said.find(std::string(to_string(role))) != std::string::npos);
  CHECK(result.said.find("system call execve,") != std::string::npos);
  CHECK(std::ranges::count(result.said, '\n') == 1);
}

TEST_CASE("A violation by an argument tells the argument") {
  const Result result =
      confined(Role::kVcpu, [] { ::syscall(SYS_ioctl, 0, 0x5412, nullptr); });  // TIOCSTI
  CHECK(result.status == kViolationStatus);
  CHECK(result.said.find("ioctl with argument 2 = 0x5412") != std::string::npos);
  const Result other = confined(Role::kVcpu, [] { ::syscall(SYS_tgkill, 1, 1, 0); });
  CHECK(other.said.find("tgkill with argument 1 = 0x1") != std::string::npos);
  const Result number = confined(Role::kVcpu, [] { ::syscall(9999); });
  CHECK(number.said.find("system call number 9999") != std::string::npos);
}

TEST_CASE("What a role needs goes on") {
  const Result result = confined(Role::kVcpu, [] {
    void* const memory =
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ::munmap(memory, 4096);
    ::syscall(SYS_tgkill, ::getpid(), ::gettid(), 0);
  });
  CHECK(result.status == 0);
  CHECK(result.said.empty());
}

}  // namespace bothy::sandbox

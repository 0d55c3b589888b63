#include <sys/syscall.h>

#include <cerrno>

#include "container/seccomp.h"
#include "tests/support/catch.h"
#include "tests/unit/container/seccomp_run.h"

namespace bothy::container {
namespace {

using test::fails_with;
using test::run_seccomp;
using test::SystemCall;

constexpr SeccompAction kAllow{SECCOMP_RET_ALLOW};
constexpr SeccompAction kDeny{SECCOMP_RET_ERRNO | EPERM};

std::vector<sock_filter> compiled(const SeccompProfile& profile) {
  const auto filter = compile_seccomp(profile, "");
  INFO((filter ? "" : filter.error().context));
  REQUIRE(filter);
  REQUIRE(!filter.value().program.empty());
  REQUIRE(filter.value().program.size() <= BPF_MAXINSNS);
  return filter.value().program;
}

std::string error_of(const SeccompProfile& profile) {
  const auto filter = compile_seccomp(profile, "");
  REQUIRE(!filter);
  CHECK(filter.error().code == ErrorCode::kBadInput);
  return filter.error().context;
}

// A profile that allows getpriority(2) alone, when its second argument compares.
SeccompProfile comparing(SeccompCompare compare, std::uint64_t value, std::uint64_t second = 0) {
  return {kDeny, {}, {}, {{{"getpriority"}, kAllow, {{1, compare, value, second}}}}};
}

bool allows(const std::vector<sock_filter>& program, std::uint64_t argument) {
  return run_seccomp(program, {SYS_getpriority, {0, argument}}) == SECCOMP_RET_ALLOW;
}

}  // namespace

TEST_CASE("Of comparisons of one argument in a rule any suffices") {
  const auto program = compiled({kDeny,
                                 {},
                                 {},
                                 {{{"getpriority"},
                                   kAllow,
                                   {{1, SeccompCompare::kEqual, 7, 0},
                                    {1, SeccompCompare::kGreater, 100, 0},
                                    {0, SeccompCompare::kEqual, 9, 0}}}}});
  CHECK(allows(program, 7));
  CHECK(allows(program, 101));
  CHECK_FALSE(allows(program, 100));
  CHECK(run_seccomp(program, {SYS_getpriority, {9, 8}}) == SECCOMP_RET_ALLOW);
}

TEST_CASE("A call that is newer than all that a seccomp profile names doesn't exist") {
  const SeccompProfile profile{
      kDeny, {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, {}, {{{"read", "openat2"}, kAllow, {}}}};
  const auto program = compiled(profile);
  CHECK(run_seccomp(program, {SYS_openat2, {}}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(program, {SYS_openat2 - 1, {}}) == fails_with(EPERM));
  CHECK(run_seccomp(program, {SYS_openat2 + 1, {}}) == fails_with(ENOSYS));
  CHECK(run_seccomp(program, {100000, {}}) == fails_with(ENOSYS));
  CHECK(run_seccomp(program, {100000, {}, AUDIT_ARCH_I386}) == fails_with(ENOSYS));
  CHECK(run_seccomp(program, {436, {}, AUDIT_ARCH_I386}) == fails_with(EPERM));
  // Calls of x32 and of architectures that aren't listed are as before.
  CHECK(run_seccomp(program, {0x40000000 + 1000, {}}) == SECCOMP_RET_KILL_PROCESS);
  CHECK(run_seccomp(program, {100000, {}, AUDIT_ARCH_AARCH64}) == SECCOMP_RET_KILL_PROCESS);
  for (const SeccompAction action :
       {kAllow, SeccompAction{SECCOMP_RET_LOG}, SeccompAction{SECCOMP_RET_TRACE | 7}}) {
    const auto open = compiled({action, {}, {}, {{{"read"}, kDeny, {}}}});
    CHECK(run_seccomp(open, {100000, {}}) == action.value);
  }
  const auto empty = compiled({kDeny, {}, {}, {}});
  CHECK(run_seccomp(empty, {100000, {}}) == fails_with(EPERM));
}

TEST_CASE("A seccomp filter gives the listed calls their action and the others the default") {
  const auto program = compiled({kDeny,
                                 {},
                                 {},
                                 {{{"read", "write"}, kAllow, {}},
                                  {{"close"}, {SECCOMP_RET_ERRNO | EIO}, {}},
                                  {{"getpid"}, {SECCOMP_RET_KILL_PROCESS}, {}},
                                  {{"getuid"}, {SECCOMP_RET_LOG}, {}},
                                  {{"getgid"}, {SECCOMP_RET_TRACE | 7}, {}},
                                  {{"getppid"}, {SECCOMP_RET_TRAP}, {}}}});
  CHECK(run_seccomp(program, {SYS_read, {}}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(program, {SYS_write, {}}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(program, {SYS_close, {}}) == fails_with(EIO));
  CHECK(run_seccomp(program, {SYS_getpid, {}}) == SECCOMP_RET_KILL_PROCESS);
  CHECK(run_seccomp(program, {SYS_getuid, {}}) == SECCOMP_RET_LOG);
  CHECK(run_seccomp(program, {SYS_getgid, {}}) == (SECCOMP_RET_TRACE | 7));
  CHECK(run_seccomp(program, {SYS_getppid, {}}) == SECCOMP_RET_TRAP);
  CHECK(run_seccomp(program, {SYS_open, {}}) == fails_with(EPERM));
  CHECK(run_seccomp(program, {SYS_dup, {}}) == fails_with(EPERM));
}

TEST_CASE("A seccomp filter compares arguments by all of their 64 bits") {
  constexpr std::uint64_t kHigh = std::uint64_t{1} << 40U;
  struct Case {
    SeccompCompare compare;
    std::vector<std::uint64_t> allowed;
    std::vector<std::uint64_t> denied;
  };
  const Case each =
      GENERATE(Case{SeccompCompare::kNotEqual, {0, kHigh, kHigh + 6}, {kHigh + 5}},
               Case{SeccompCompare::kLess, {0, 6, kHigh + 4}, {kHigh + 5, 2 * kHigh}},
               Case{SeccompCompare::kLessOrEqual, {0, 6, kHigh + 5}, {kHigh + 6, 2 * kHigh}},
               Case{SeccompCompare::kEqual, {kHigh + 5}, {5, kHigh, 2 * kHigh + 5}},
               Case{SeccompCompare::kGreaterOrEqual, {kHigh + 5, 2 * kHigh}, {6, kHigh + 4}},
               Case{SeccompCompare::kGreater, {kHigh + 6, 2 * kHigh}, {6, kHigh + 5}});
  INFO("operator " << static_cast<int>(each.compare));
  const auto program = compiled(comparing(each.compare, kHigh + 5));
  for (const std::uint64_t value : each.allowed) {
    CHECK(allows(program, value));
  }
  for (const std::uint64_t value : each.denied) {
    CHECK_FALSE(allows(program, value));
  }
}

TEST_CASE("A seccomp filter compares the bits of a mask") {
  const auto program = compiled(comparing(SeccompCompare::kMaskedEqual, 0xf0, 0x30));
  CHECK(allows(program, 0x30));
  CHECK(allows(program, 0xffff'ffff'ffff'ff3f));
  CHECK_FALSE(allows(program, 0x20));
  CHECK_FALSE(allows(program, 0x70));
}

TEST_CASE("Every argument of a seccomp rule must match, and one rule of several") {
  const SeccompArgument first{0, SeccompCompare::kEqual, 1, 0};
  const SeccompArgument third{2, SeccompCompare::kGreater, 9, 0};
  const SeccompArgument last{5, SeccompCompare::kEqual, 3, 0};
  const auto program =
      compiled({kDeny, {}, {}, {{{"mmap"}, kAllow, {first, third}}, {{"mmap"}, kAllow, {last}}}});
  CHECK(run_seccomp(program, {SYS_mmap, {1, 0, 10}}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(program, {SYS_mmap, {1, 0, 9}}) == fails_with(EPERM));
  CHECK(run_seccomp(program, {SYS_mmap, {0, 0, 10}}) == fails_with(EPERM));
  CHECK(run_seccomp(program, {SYS_mmap, {0, 0, 0, 0, 0, 3}}) == SECCOMP_RET_ALLOW);
}

TEST_CASE("A seccomp filter ends processes of architectures that aren't listed") {
  constexpr long kGetpidX86 = 20;
  constexpr long kX32 = 0x4000'0000;
  SeccompProfile profile{kAllow, {}, {}, {{{"getpid"}, kDeny, {}}}};
  const SystemCall x86{kGetpidX86, {}, AUDIT_ARCH_I386};
  const SystemCall x32{kX32 + SYS_getpid, {}};

  const auto native = compiled(profile);
  CHECK(run_seccomp(native, {SYS_getpid, {}}) == fails_with(EPERM));
  CHECK(run_seccomp(native, x86) == SECCOMP_RET_KILL_PROCESS);
  CHECK(run_seccomp(native, x32) == SECCOMP_RET_KILL_PROCESS);

  profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  const auto all = compiled(profile);
  CHECK(run_seccomp(all, {SYS_getpid, {}}) == fails_with(EPERM));
  CHECK(run_seccomp(all, x86) == fails_with(EPERM));
  CHECK(run_seccomp(all, x32) == fails_with(EPERM));
  CHECK(run_seccomp(all, {SYS_getpid, {}, AUDIT_ARCH_I386}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(all, {SYS_getpid, {}, AUDIT_ARCH_AARCH64}) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("Seccomp rules with the default action change nothing") {
  const auto program = compiled({kDeny, {}, {}, {{{"read"}, kDeny, {}}, {{"write"}, kAllow, {}}}});
  CHECK(run_seccomp(program, {SYS_read, {}}) == fails_with(EPERM));
  CHECK(run_seccomp(program, {SYS_write, {}}) == SECCOMP_RET_ALLOW);
}

TEST_CASE("A system call that doesn't exist can be allowed but not denied") {
  const SeccompRule rule{{"no_such_call", "read"}, kAllow, {}};
  const auto program = compiled({kDeny, {}, {}, {rule}});
  CHECK(run_seccomp(program, {SYS_read, {}}) == SECCOMP_RET_ALLOW);
  // Another architecture's is known.
  compiled({kAllow, {}, {}, {{{"s390_pci_mmio_read", "waitpid"}, kDeny, {}}}});
  CHECK(error_of({kAllow, {}, {}, {{{"no_such_call"}, kDeny, {}}}})
            .starts_with("the seccomp profile denies 'no_such_call', which libseccomp "));
}

TEST_CASE("Seccomp flags become those of seccomp(2)") {
  SeccompProfile profile{kAllow, {}, {}, {{{"getpid"}, kDeny, {}}}};
  CHECK(compile_seccomp(profile, "").value().flags == 0);
  profile.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                   "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
  CHECK(compile_seccomp(profile, "").value().flags ==
        (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW));
  profile.flags = {"SECCOMP_FILTER_FLAG_NEW_LISTENER"};
  CHECK(error_of(profile) ==
        "the seccomp profile has a flag that bothy doesn't support: "
        "'SECCOMP_FILTER_FLAG_NEW_LISTENER'");
}

TEST_CASE("What libseccomp refuses is an error that says so") {
  CHECK(error_of({kAllow, {"SCMP_ARCH_PDP11"}, {}, {}}) ==
        "the seccomp profile has an architecture that libseccomp doesn't know: 'SCMP_ARCH_PDP11'");
  // Of the other byte order.
  CHECK(error_of({kAllow, {"SCMP_ARCH_S390X"}, {}, {}})
            .starts_with("libseccomp can't compile the seccomp profile: architecture "
                         "SCMP_ARCH_S390X: "));
  CHECK(error_of({kDeny, {}, {}, {{{"read"}, kAllow, {{6, SeccompCompare::kEqual, 1, 0}}}}}) ==
        "libseccomp can't compile the seccomp profile: a rule for read: Invalid argument");
}

TEST_CASE("A seccomp profile that libseccomp would take long for is refused") {
  SeccompProfile profile{kDeny, {}, {}, {{std::vector<std::string>(4096, "read"), kAllow, {}}}};
  compiled(profile);
  profile.rules.front().names.emplace_back("read");
  CHECK(error_of(profile) == "the seccomp profile names 4097 system calls: the maximum is 4096");

  profile.rules.clear();
  for (std::uint64_t i = 0; i < 128; ++i) {
    profile.rules.push_back({{"read"}, kAllow, {{0, SeccompCompare::kEqual, i, 0}}});
  }
  compiled(profile);
  const SeccompArgument argument{0, SeccompCompare::kEqual, 1, 0};
  profile.rules.push_back({{"read", "write"}, kAllow, {argument, argument, argument}});
  CHECK(error_of(profile) ==
        "the seccomp profile has 136 comparisons of arguments (a rule with n of them counts as "
        "2^(n-1)): the maximum is 128");
}

}  // namespace bothy::container

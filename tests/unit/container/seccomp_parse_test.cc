#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>

#include "container/seccomp.h"
#include "tests/support/catch.h"
#include "tests/unit/container/seccomp_run.h"

namespace bothy::container {
namespace {

using test::fails_with;
using test::run_seccomp;

Result<SeccompProfile> parsed(std::string_view json) {
  return parse_seccomp(json, "linux.seccomp");
}

Result<SeccompProfile> parsed_file(std::string_view json, Capabilities capabilities = 0) {
  return parse_seccomp_file(json, "profile.json", capabilities);
}

// A profile with one rule, which has these members beside its names.
std::string with_notify(std::string_view call, std::string_view path) {
  return fmt::format(
      R"({{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "{}", "listenerMetadata": "x",
           "syscalls": [{{"names": ["{}"], "action": "SCMP_ACT_NOTIFY"}}]}})",
      path, call);
}

std::string with_rule(std::string_view members) {
  return fmt::format(
      R"({{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{{"names": ["read"], {}}}]}})", members);
}

// A rule with one argument.
std::string with_argument(std::string_view members) {
  return with_rule(fmt::format(R"("action": "SCMP_ACT_ERRNO", "args": [{{{}}}])", members));
}

std::string error_of(const Result<SeccompProfile>& result) {
  REQUIRE(!result);
  CHECK(result.error().code == ErrorCode::kBadInput);
  return result.error().context;
}

// Whether a rule of a profile file applies under a condition.
bool applies(std::string_view condition, Capabilities capabilities = 0) {
  const auto profile = parsed_file(
      with_rule(fmt::format(R"("action": "SCMP_ACT_ERRNO", {})", condition)), capabilities);
  INFO((profile ? "" : profile.error().context));
  REQUIRE(profile);
  return !profile.value().rules.empty();
}

constexpr Capabilities bit(int capability) {
  return Capabilities{1} << static_cast<unsigned>(capability);
}

}  // namespace

TEST_CASE("A seccomp profile in the OCI form is read whole") {
  const auto profile = parsed(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "listenerPath": "",
    "syscalls": [
      {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "args": null},
      {"names": ["clone"], "action": "SCMP_ACT_TRACE", "errnoRet": 0,
       "args": [{"index": 0, "value": 18446744073709551615, "valueTwo": 7,
                 "op": "SCMP_CMP_MASKED_EQ"}]}],
    "unknown": 1})")
                           .value();
  CHECK(profile.default_action.value == fails_with(ENOSYS));
  CHECK(profile.architectures == std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"});
  CHECK(profile.flags == std::vector<std::string>{"SECCOMP_FILTER_FLAG_LOG"});
  REQUIRE(profile.rules.size() == 2);
  CHECK(profile.rules[0].names == std::vector<std::string>{"read", "write"});
  CHECK(profile.rules[0].action.value == SECCOMP_RET_ALLOW);
  CHECK(profile.rules[0].arguments.empty());
  CHECK(profile.rules[1].action.value == SECCOMP_RET_TRACE);
  REQUIRE(profile.rules[1].arguments.size() == 1);
  const SeccompArgument& argument = profile.rules[1].arguments.front();
  CHECK(argument.index == 0);
  CHECK(argument.compare == SeccompCompare::kMaskedEqual);
  CHECK(argument.value == ~std::uint64_t{0});
  CHECK(argument.second == 7);
}

TEST_CASE("A listener belongs to a profile that notifies") {
  const auto profile = parsed(with_notify("mkdir", "/run/s"));
  REQUIRE(profile.has_value());
  CHECK(profile.value().rules[0].action.value == SECCOMP_RET_USER_NOTIF);
  CHECK(profile.value().listener.path == "/run/s");
  CHECK(profile.value().listener.metadata == "x");
  const auto filter = compile_seccomp(profile.value(), "");
  REQUIRE(filter.has_value());
  CHECK((filter.value().flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0);

  const auto without = parsed(R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/s"})");
  REQUIRE(without.has_value());
  CHECK(without.value().listener.path.empty());
  const auto plain = compile_seccomp(without.value(), "");
  REQUIRE(plain.has_value());
  CHECK((plain.value().flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0);
}

TEST_CASE("Every action of the OCI form has its value") {
  const auto value = [](const std::string& action) {
    return parsed(with_rule(R"("action": ")" + action + '"')).value().rules[0].action.value;
  };
  CHECK(value("SCMP_ACT_KILL") == SECCOMP_RET_KILL_THREAD);
  CHECK(value("SCMP_ACT_KILL_THREAD") == SECCOMP_RET_KILL_THREAD);
  CHECK(value("SCMP_ACT_KILL_PROCESS") == SECCOMP_RET_KILL_PROCESS);
  CHECK(value("SCMP_ACT_TRAP") == SECCOMP_RET_TRAP);
  CHECK(value("SCMP_ACT_ERRNO") == fails_with(EPERM));
  CHECK(value("SCMP_ACT_TRACE") == (SECCOMP_RET_TRACE | EPERM));
  CHECK(value("SCMP_ACT_LOG") == SECCOMP_RET_LOG);
  CHECK(value("SCMP_ACT_ALLOW") == SECCOMP_RET_ALLOW);
}

TEST_CASE("What is wrong in a seccomp profile is named by its path") {
  struct Case {
    std::string json;
    std::string error;
  };
  const Case each = GENERATE(
      Case{"{", "linux.seccomp is not valid JSON"},
      Case{"[]", "linux.seccomp is not a JSON object"},
      Case{"{}",
           "linux.seccomp.defaultAction: unknown action '': expected one like SCMP_ACT_ERRNO"},
      Case{R"({"defaultAction": 1})",
           "linux.seccomp has an invalid member 'defaultAction': expected a string"},
      Case{R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096})",
           "linux.seccomp.defaultAction: SCMP_ACT_ERRNO takes an errno value up to 4095, not 4096"},
      Case{R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1})",
           "linux.seccomp has an invalid member 'defaultErrnoRet': expected a non-negative "
           "integer"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_x86"]})",
           "linux.seccomp.architectures: unknown architecture 'SCMP_ARCH_x86'"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["x86"]})",
           "linux.seccomp.architectures: unknown architecture 'x86'"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_\n"]})",
           R"(linux.seccomp.flags: bothy doesn't support the flag 'SECCOMP_FILTER_FLAG_\x0a')"},
      Case{R"({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/s"})",
           "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY can't be the default action"},
      Case{with_notify("mkdir", "run/s"),
           "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs the absolute path of a unix socket"},
      Case{with_notify("sendmsg", "/run/s"),
           "linux.seccomp.syscalls: SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall"},
      Case{with_notify("write", "/run/s"),
           "linux.seccomp.syscalls: SCMP_ACT_NOTIFY cannot be used for the write syscall"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}})",
           "linux.seccomp has an invalid member 'syscalls': expected an array"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ["read"]})",
           "linux.seccomp.syscalls[0] is not a JSON object"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_LOG"}]})",
           "linux.seccomp.syscalls[0].names: expected at least one system call"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read", "a\u0000b"]}]})",
           R"(linux.seccomp.syscalls[0].names: 'a\x00b' can't be a system call)"},
      Case{with_rule(R"("action": "ALLOW")"),
           "linux.seccomp.syscalls[0].action: unknown action 'ALLOW': expected one like "
           "SCMP_ACT_ERRNO"},
      Case{with_rule(R"("action": "SCMP_ACT_NOTIFY")"),
           "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs the absolute path of a unix socket"},
      Case{with_rule(R"("action": "SCMP_ACT_KILL", "errnoRet": 1)"),
           "linux.seccomp.syscalls[0].action: SCMP_ACT_KILL takes no errno value"},
      Case{with_rule(R"("action": "SCMP_ACT_TRACE", "errnoRet": 65536)"),
           "linux.seccomp.syscalls[0].action: SCMP_ACT_TRACE takes an errno value up to 65535, not "
           "65536"},
      Case{with_rule(R"("action": "SCMP_ACT_LOG", "args": [7])"),
           "linux.seccomp.syscalls[0].args[0] is not a JSON object"},
      Case{with_argument(R"("value": 1, "op": "SCMP_CMP_EQ")"),
           "linux.seccomp.syscalls[0].args[0]: 'index' is missing"},
      Case{with_argument(R"("index": 0, "op": "SCMP_CMP_EQ")"),
           "linux.seccomp.syscalls[0].args[0]: 'value' is missing"},
      Case{with_argument(R"("index": 6, "value": 1, "op": "SCMP_CMP_EQ")"),
           "linux.seccomp.syscalls[0].args[0].index: expected 0 to 5, not 6"},
      Case{with_argument(R"("index": 0, "value": 1, "op": "==")"),
           "linux.seccomp.syscalls[0].args[0].op: unknown operator '==': expected one like "
           "SCMP_CMP_EQ"},
      Case{with_argument(R"("index": 0, "value": 1.5, "op": "SCMP_CMP_EQ")"),
           "linux.seccomp.syscalls[0].args[0] has an invalid member 'value': expected a "
           "non-negative integer"});
  INFO(each.json);
  CHECK(error_of(parsed(each.json)) == each.error);
}

TEST_CASE("What is wrong in a seccomp profile file is named by its path") {
  struct Case {
    std::string json;
    std::string error;
  };
  const Case each = GENERATE(
      Case{"{}",
           "profile.json: defaultAction: unknown action '': expected one like SCMP_ACT_ERRNO"},
      Case{R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EWHAT"})",
           "profile.json: defaultErrno: unknown errno name 'EWHAT'"},
      Case{with_rule(R"("action": "SCMP_ACT_ERRNO", "errno": "1")"),
           "profile.json: syscalls[0].errno: unknown errno name '1'"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
               "archMap": []})",
           "profile.json: archMap: can't be combined with 'architectures'"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW", "archMap": [1]})",
           "profile.json: archMap[0] is not a JSON object"},
      Case{R"({"defaultAction": "SCMP_ACT_ALLOW",
               "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["X"]}]})",
           "profile.json: architectures: unknown architecture 'X'"},
      Case{with_rule(R"("action": "SCMP_ACT_ERRNO", "includes": [])"),
           "profile.json: syscalls[0] has an invalid member 'includes': expected an object"},
      Case{with_rule(R"("action": "SCMP_ACT_ERRNO", "includes": {"arches": "amd64"})"),
           "profile.json: syscalls[0].includes has an invalid member 'arches': expected an array"},
      Case{with_rule(R"("action": "SCMP_ACT_ERRNO", "excludes": {"minKernel": "4"})"),
           "profile.json: syscalls[0].excludes.minKernel: expected a version like 4.8, not '4'"},
      Case{with_rule(R"("action": "SCMP_ACT_ERRNO", "excludes": {"minKernel": "4.8.1"})"),
           "profile.json: syscalls[0].excludes.minKernel: expected a version like 4.8, not "
           "'4.8.1'"},
      // A rule that doesn't apply is checked too.
      Case{with_rule(R"("action": "NONE", "includes": {"arches": ["none"]})"),
           "profile.json: syscalls[0].action: unknown action 'NONE': expected one like "
           "SCMP_ACT_ERRNO"});
  INFO(each.json);
  CHECK(error_of(parsed_file(each.json)) == each.error);
  CHECK(error_of(parsed_file(with_rule(
                     R"("action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_NONE"]})")))
            .starts_with("profile.json: syscalls[0].excludes.caps: "));
}

TEST_CASE("The architectures of a seccomp profile file are those of this host's entry") {
  const auto profile = parsed_file(R"({"defaultAction": "SCMP_ACT_ALLOW", "archMap": [
    {"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]},
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}
  ]})");
  CHECK(profile.value().architectures ==
        std::vector<std::string>{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"});
  const auto plain = parsed_file(
      R"({"defaultAction": "SCMP_ACT_ALLOW", "archMap": null, "architectures": ["SCMP_ARCH_X86"]})");
  CHECK(plain.value().architectures == std::vector<std::string>{"SCMP_ARCH_X86"});
}

TEST_CASE("Rules of a seccomp profile file apply by architecture, capabilities and kernel") {
  CHECK(applies(R"("includes": {}, "excludes": null)"));
  CHECK(applies(R"("includes": {"arches": ["x32", "amd64"]})"));
  CHECK_FALSE(applies(R"("includes": {"arches": ["arm64"]})"));
  CHECK_FALSE(applies(R"("excludes": {"arches": ["amd64"]})"));
  CHECK(applies(R"("excludes": {"arches": ["arm64"]})"));

  const Capabilities both = bit(CAP_SYS_ADMIN) | bit(CAP_BPF);
  constexpr const char* kIncluded = R"("includes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]})";
  CHECK(applies(kIncluded, both));
  CHECK_FALSE(applies(kIncluded, bit(CAP_BPF)));
  constexpr const char* kExcluded = R"("excludes": {"caps": ["CAP_SYS_ADMIN", "CAP_BPF"]})";
  CHECK(applies(kExcluded, ~both));
  CHECK_FALSE(applies(kExcluded, bit(CAP_BPF)));

  CHECK(applies(R"("includes": {"minKernel": "4.8"})"));
  CHECK_FALSE(applies(R"("includes": {"minKernel": "4000.1"})"));
  CHECK_FALSE(applies(R"("excludes": {"minKernel": "4.8"})"));
  CHECK(applies(R"("excludes": {"minKernel": "4000.1"})"));
  CHECK_FALSE(applies(R"("includes": {"minKernel": "4.8"}, "excludes": {"arches": ["amd64"]})"));
}

TEST_CASE("A seccomp profile file may have Podman's names of errno values and Docker's old name") {
  const auto profile = parsed_file(R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
                      "defaultErrno": "ENOSYS", "syscalls": [
    {"name": "read", "action": "SCMP_ACT_ALLOW", "args": []},
    {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "errno": "EINVAL",
     "comment": "", "args": null}]})")
                           .value();
  CHECK(profile.default_action.value == fails_with(ENOSYS));
  CHECK(profile.rules.at(0).names == std::vector<std::string>{"read"});
  CHECK(profile.rules.at(1).action.value == fails_with(EINVAL));
}

TEST_CASE("A seccomp profile that was parsed compiles to what it says") {
  const auto profile = parsed_file(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
      {"names": ["read", "waitpid"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
       "excludes": {"caps": ["CAP_SYS_ADMIN"]}}]})",
                                   0);
  const auto program = compile_seccomp(profile.value(), "").value().program;
  constexpr long kWaitpidX86 = 7;
  CHECK(run_seccomp(program, {SYS_read, {}}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(program, {kWaitpidX86, {}, AUDIT_ARCH_I386}) == SECCOMP_RET_ALLOW);
  CHECK(run_seccomp(program, {SYS_mount, {}}) == fails_with(EPERM));
  CHECK(run_seccomp(program, {SYS_write, {}}) == fails_with(ENOSYS));
}

}  // namespace bothy::container

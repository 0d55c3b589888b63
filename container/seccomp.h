// Seccomp filters of containers: a profile, and the BPF program compiled from it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "container/capabilities.h"

namespace bothy::container {

// An action of a filter, as seccomp(2) has it.
struct SeccompAction {
  std::uint32_t value = 0;  // SECCOMP_RET_*, with an errno value in its data where it takes one
};

enum class SeccompCompare : std::uint8_t {
  kNotEqual,
  kLess,
  kLessOrEqual,
  kEqual,
  kGreaterOrEqual,
  kGreater,
  kMaskedEqual,
};

struct SeccompArgument {
  std::uint32_t index = 0;  // 0 to 5
  SeccompCompare compare = SeccompCompare::kEqual;
  std::uint64_t value = 0;
  std::uint64_t second = 0;  // of kMaskedEqual: `value` is the mask, and this what is compared
};

// Every argument must match; with two for one argument, any of them suffices, as in runc and crun.
struct SeccompRule {
  std::vector<std::string> names;  // of system calls; an architecture that lacks one ignores it
  SeccompAction action;
  std::vector<SeccompArgument> arguments;
};

// Who decides about the system calls whose action is SCMP_ACT_NOTIFY: a program that listens on a
// unix socket of the host (seccomp_unotify(2)).
struct SeccompListener {
  std::string path;  // absolute; empty: no action of the profile needs one
  std::string metadata;
};

// config-linux.md, Seccomp.
struct SeccompProfile {
  SeccompAction default_action;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"; none: this host's alone
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG"
  std::vector<SeccompRule> rules;
  SeccompListener listener = {};  // of the rules with SCMP_ACT_NOTIFY
};

// bothy's own profile, for a process whose bounding set is `capabilities`: system calls that only
// make sense with a capability are allowed to those that have it.
[[nodiscard]] SeccompProfile default_seccomp_profile(Capabilities capabilities);

// Parses the member linux.seccomp of a config.json. kBadInput for what bothy doesn't know, and for
// SCMP_ACT_NOTIFY where no listener could be told: without listenerPath, as the default action, and
// for the calls by which the new process hands over the listener.
[[nodiscard]] Result<SeccompProfile> parse_seccomp(std::string_view json, std::string_view what);
// Parses a profile in the form that Docker and Podman have for --security-opt seccomp=FILE:
// archMap, includes and excludes depend on `capabilities` and the host's architecture. There is no
// SCMP_ACT_NOTIFY.
[[nodiscard]] Result<SeccompProfile> parse_seccomp_file(std::string_view json,
                                                        std::string_view what,
                                                        Capabilities capabilities);

struct SeccompFilter {
  std::vector<sock_filter> program;  // at most BPF_MAXINSNS
  std::uint32_t flags = 0;           // of seccomp(2), SECCOMP_FILTER_FLAG_*
};

// Compiles a profile by libseccomp. `cache` is a directory that only this user writes: a program
// that was compiled before is read from there, by the hash of its profile and of libseccomp's
// version; a damaged or foreign file there is ignored and replaced. Empty: no cache. kBadInput for
// an architecture, flag or condition that libseccomp refuses, for a rule that denies a system call
// that libseccomp doesn't know, and for a profile so large that libseccomp would take long. A
// process that makes a call of an architecture that isn't listed ends by SIGSYS.
[[nodiscard]] Result<SeccompFilter> compile_seccomp(const SeccompProfile& profile,
                                                    const std::string& cache);

}  // namespace bothy::container

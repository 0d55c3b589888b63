// Profiles as BPF programs, by libseccomp.
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/files.h"
#include "base/unique_fd.h"
#include "container/seccomp.h"
#include "container/seccomp_cache.h"
#include "container/seccomp_names.h"
#include "container/seccomp_newer_calls.h"

namespace bothy::container {
namespace {

struct ReleaseContext {
  void operator()(void* context) const noexcept { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, ReleaseContext>;

// Limits of a profile, far above profiles in use. libseccomp takes minutes for some hundred
// comparisons, and by far the most where a rule has many: one with n counts as 2^(n-1).
constexpr std::size_t kMaxNames = 4096;
constexpr std::size_t kMaxComparisons = 128;
constexpr std::size_t kMaxArguments = 6;

// libseccomp's functions return a negative errno value.
template <class... Args>
Error refused(int result, fmt::format_string<Args...> format, Args&&... args) {
  const ErrorCode code = result == -ENOMEM ? ErrorCode::kExhausted : ErrorCode::kBadInput;
  return make_error(code, "libseccomp can't compile the seccomp profile: {}: {}",
                    fmt::format(format, std::forward<Args>(args)...), ::strerror(-result));
}

scmp_compare operator_of(SeccompCompare compare) {
  switch (compare) {
    case SeccompCompare::kNotEqual:
      return SCMP_CMP_NE;
    case SeccompCompare::kLess:
      return SCMP_CMP_LT;
    case SeccompCompare::kLessOrEqual:
      return SCMP_CMP_LE;
    case SeccompCompare::kEqual:
      return SCMP_CMP_EQ;
    case SeccompCompare::kGreaterOrEqual:
      return SCMP_CMP_GE;
    case SeccompCompare::kGreater:
      return SCMP_CMP_GT;
    case SeccompCompare::kMaskedEqual:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

bool lets_pass(SeccompAction action) {
  return action.value == SECCOMP_RET_ALLOW || action.value == SECCOMP_RET_LOG;
}

Result<Context> make_context(const SeccompProfile& profile) {
  Context context(::seccomp_init(profile.default_action.value));
  if (!context) {
    return make_error(
        ErrorCode::kSystem,
        "libseccomp can't compile the seccomp profile: this kernel lacks its default action");
  }
  for (const std::string& name : profile.architectures) {
    const auto token = seccomp_architecture(name);
    if (!token) {
      return make_error(
          ErrorCode::kBadInput,
          "the seccomp profile has an architecture that libseccomp doesn't know: '{}'",
          printable(name));
    }
    const int result = ::seccomp_arch_add(context.get(), *token);
    if (result != 0 && result != -EEXIST) {
      return refused(result, "architecture {}", name);
    }
  }
  // A process that makes a call of another architecture ends. libseccomp's default ends the thread
  // alone, on which the others may wait forever.
  int result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (result == 0) {
    // A binary tree of system call numbers instead of a list.
    result = ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  }
  if (result != 0) {
    return refused(result, "attributes");
  }
  return context;
}

// What libseccomp takes as one rule each: the arguments together, or, since it compares an argument
// once in a rule, each by itself where one is compared twice.
std::vector<std::vector<scmp_arg_cmp>> conditions_of(const SeccompRule& rule) {
  std::vector<scmp_arg_cmp> all;
  bool twice = false;
  for (const SeccompArgument& argument : rule.arguments) {
    twice = twice || std::ranges::count(all, argument.index, &scmp_arg_cmp::arg) > 0;
    all.push_back({argument.index, operator_of(argument.compare), argument.value, argument.second});
  }
  std::vector<std::vector<scmp_arg_cmp>> conditions;
  if (!twice) {
    conditions.push_back(std::move(all));
    return conditions;
  }
  for (const scmp_arg_cmp& each : all) {
    conditions.push_back({each});
  }
  return conditions;
}

Result<void> add_rule(const Context& context, const SeccompProfile& profile,
                      const SeccompRule& rule) {
  const auto conditions = conditions_of(rule);
  for (const std::string& name : rule.names) {
    const int number = ::seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) {
      // To leave out a rule that allows is safe, to leave out one that denies isn't.
      if (lets_pass(profile.default_action) && !lets_pass(rule.action)) {
        const scmp_version& version = *::seccomp_version();
        return make_error(ErrorCode::kBadInput,
                          "the seccomp profile denies '{}', which libseccomp {}.{}.{} doesn't know",
                          printable(name), version.major, version.minor, version.micro);
      }
      continue;
    }
    for (const std::vector<scmp_arg_cmp>& arguments : conditions) {
      const int result =
          ::seccomp_rule_add_array(context.get(), rule.action.value, number,
                                   static_cast<unsigned>(arguments.size()), arguments.data());
      if (result != 0) {
        return refused(result, "a rule for {}", name);
      }
    }
  }
  return success();
}

// `program` with libseccomp's at its end. By a file in memory: a pipe that is full would block
// libseccomp.
Result<std::vector<sock_filter>> program_of(const Context& context,
                                            std::vector<sock_filter> program) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) {
    return errno_error("can't create a file in memory for a seccomp filter");
  }
  const int result = ::seccomp_export_bpf(context.get(), file.get());
  if (result != 0) {
    return refused(result, "the program");
  }
  BOTHY_TRY(const std::uint64_t size, size_of(file.get(), "the seccomp filter"));
  const std::size_t first = program.size();
  const std::uint64_t count = first + size / sizeof(sock_filter);
  if (count > BPF_MAXINSNS) {
    return make_error(ErrorCode::kBadInput,
                      "the seccomp profile makes a program of {} instructions: the maximum is {}",
                      count, BPF_MAXINSNS);
  }
  program.resize(count);
  if (::pread(file.get(), program.data() + first, size, 0) != static_cast<ssize_t>(size)) {
    return errno_error("can't read a seccomp filter from memory");
  }
  return program;
}

Result<void> check_size(const SeccompProfile& profile) {
  std::size_t names = 0;
  std::size_t comparisons = 0;
  for (const SeccompRule& rule : profile.rules) {
    names += rule.names.size();
    if (!rule.arguments.empty()) {
      comparisons += rule.names.size() << (std::min(rule.arguments.size(), kMaxArguments) - 1);
    }
  }
  if (names > kMaxNames) {
    return make_error(ErrorCode::kBadInput,
                      "the seccomp profile names {} system calls: the maximum is {}", names,
                      kMaxNames);
  }
  if (comparisons > kMaxComparisons) {
    return make_error(ErrorCode::kBadInput,
                      "the seccomp profile has {} comparisons of arguments (a rule with n of them "
                      "counts as 2^(n-1)): the maximum is {}",
                      comparisons, kMaxComparisons);
  }
  return success();
}

Result<std::vector<sock_filter>> compile(const SeccompProfile& profile) {
  BOTHY_TRY(check_size(profile));
  BOTHY_TRY(const Context context, make_context(profile));
  for (const SeccompRule& rule : profile.rules) {
    // libseccomp refuses rules with the default action, which change nothing.
    if (rule.action.value != profile.default_action.value) {
      BOTHY_TRY(add_rule(context, profile, rule));
    }
  }
  return program_of(context, refuse_newer_calls(profile));
}

Result<std::uint32_t> flags_of(const SeccompProfile& profile) {
  std::uint32_t flags = 0;
  for (const std::string& name : profile.flags) {
    const auto flag = seccomp_flag(name);
    if (!flag) {
      return make_error(ErrorCode::kBadInput,
                        "the seccomp profile has a flag that bothy doesn't support: '{}'",
                        printable(name));
    }
    flags |= *flag;
  }
  return profile.listener.path.empty() ? flags : flags | SECCOMP_FILTER_FLAG_NEW_LISTENER;
}

}  // namespace

Result<SeccompFilter> compile_seccomp(const SeccompProfile& profile, const std::string& cache) {
  SeccompFilter filter;
  BOTHY_TRY(filter.flags, flags_of(profile));
  if (cache.empty()) {
    BOTHY_TRY(filter.program, compile(profile));
    return filter;
  }
  const SeccompKey key = seccomp_key(profile);
  if (auto program = load_seccomp(cache, key)) {
    filter.program = std::move(*program);
    return filter;
  }
  BOTHY_TRY(filter.program, compile(profile));
  store_seccomp(cache, key, filter.program);
  return filter;
}

}  // namespace bothy::container

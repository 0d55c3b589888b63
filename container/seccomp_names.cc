#include "container/seccomp_names.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <iterator>
#include <string>

#include "base/files.h"

namespace bothy::container {
namespace {

constexpr std::string_view kArchitecturePrefix = "SCMP_ARCH_";
constexpr std::uint32_t kMaxErrno = 4095;  // MAX_ERRNO of the kernel, which cuts higher values

struct ActionName {
  std::string_view name;
  std::uint32_t value;
  std::uint32_t max_data;  // 0: the action takes none
};
constexpr std::array<ActionName, 9> kActions{{
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, 0},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, 0},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, 0},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, 0},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, kMaxErrno},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, SECCOMP_RET_DATA},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG, 0},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, 0},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, 0},
}};

struct FlagName {
  std::string_view name;
  std::uint32_t value;
};
constexpr std::array<FlagName, 3> kFlags{{
    // All threads of a process get the filter: a process that is launched has one.
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
}};

// In the order of SeccompCompare.
constexpr std::array<std::string_view, 7> kCompares{
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",       "SCMP_CMP_EQ",
    "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};

}  // namespace

std::optional<std::uint32_t> seccomp_architecture(std::string_view name) {
  if (!name.starts_with(kArchitecturePrefix)) {
    return std::nullopt;
  }
  std::string suffix(name.substr(kArchitecturePrefix.size()));
  if (std::ranges::any_of(suffix, [](char c) { return c == '\0' || (c >= 'a' && c <= 'z'); })) {
    return std::nullopt;
  }
  std::ranges::transform(suffix, suffix.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::uint32_t token = ::seccomp_arch_resolve_name(suffix.c_str());
  return token == 0 ? std::nullopt : std::optional(token);
}

std::optional<std::uint32_t> seccomp_flag(std::string_view name) {
  const auto* found = std::ranges::find(kFlags, name, &FlagName::name);
  return found == kFlags.end() ? std::nullopt : std::optional(found->value);
}

std::optional<SeccompCompare> seccomp_compare(std::string_view name) {
  const auto* found = std::ranges::find(kCompares, name);
  return found == kCompares.end()
             ? std::nullopt
             : std::optional(static_cast<SeccompCompare>(found - kCompares.begin()));
}

Result<SeccompAction> seccomp_action(std::string_view name, std::optional<std::uint64_t> data) {
  const auto* found = std::ranges::find(kActions, name, &ActionName::name);
  if (found == kActions.end()) {
    return make_error(ErrorCode::kBadInput, "unknown action '{}': expected one like SCMP_ACT_ERRNO",
                      printable(name));
  }
  if (found->max_data == 0) {
    if (data) {
      return make_error(ErrorCode::kBadInput, "{} takes no errno value", name);
    }
    return SeccompAction{found->value};
  }
  const std::uint64_t value = data.value_or(EPERM);
  if (value > found->max_data) {
    return make_error(ErrorCode::kBadInput, "{} takes an errno value up to {}, not {}", name,
                      found->max_data, value);
  }
  return SeccompAction{found->value | static_cast<std::uint32_t>(value)};
}

std::vector<std::string_view> seccomp_action_names() {
  std::vector<std::string_view> names;
  std::ranges::transform(kActions, std::back_inserter(names), &ActionName::name);
  return names;
}

std::vector<std::string_view> seccomp_flag_names() {
  std::vector<std::string_view> names;
  std::ranges::transform(kFlags, std::back_inserter(names), &FlagName::name);
  return names;
}

std::vector<std::string_view> seccomp_compare_names() {
  return {kCompares.begin(), kCompares.end()};
}

// config-linux.md, Seccomp, lists these.
std::vector<std::string_view> seccomp_architecture_names() {
  std::vector<std::string_view> names{
      "SCMP_ARCH_AARCH64",   "SCMP_ARCH_ARM",      "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",
      "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",   "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
      "SCMP_ARCH_PARISC",    "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",
      "SCMP_ARCH_PPC64LE",   "SCMP_ARCH_RISCV64",  "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",
      "SCMP_ARCH_X32",       "SCMP_ARCH_X86",      "SCMP_ARCH_X86_64"};
  std::erase_if(names, [](std::string_view name) { return !seccomp_architecture(name); });
  return names;
}

SeccompArchitectureNames native_architecture_names() {
  switch (::seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return {"SCMP_ARCH_X86_64", "amd64"};
    case SCMP_ARCH_AARCH64:
      return {"SCMP_ARCH_AARCH64", "arm64"};
    default:
      return {};
  }
}

}  // namespace bothy::container

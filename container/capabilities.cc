#include "container/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/files.h"

namespace bothy::container {
namespace {

constexpr std::string_view kPrefix = "CAP_";
constexpr std::string_view kAll = "ALL";

// By bit, without "CAP_".
constexpr std::array<std::string_view, 41> kNames{
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};
static_assert(kNames.at(CAP_CHECKPOINT_RESTORE) == "CHECKPOINT_RESTORE");

constexpr Capabilities bit(std::size_t number) noexcept {
  return Capabilities{1} << number;
}

// Without regard to the locale.
std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  });
  return upper;
}

struct Change {
  Capabilities capabilities = 0;
  bool all = false;
};

Result<Change> parse_change(const std::vector<std::string>& names) {
  Change change;
  for (const std::string& name : names) {
    if (upper_case(name) == kAll) {
      change.all = true;
      continue;
    }
    BOTHY_TRY(const Capabilities capability, parse_capability(name));
    change.capabilities |= capability;
  }
  return change;
}

}  // namespace

Result<Capabilities> parse_capability(std::string_view name) {
  const std::string upper = upper_case(name);
  std::string_view known = upper;
  if (known.starts_with(kPrefix)) {
    known.remove_prefix(kPrefix.size());
  }
  const auto* const found = std::ranges::find(kNames, known);
  if (found == kNames.end()) {
    return make_error(ErrorCode::kInvalid, "unknown capability '{}'", printable(name));
  }
  return bit(static_cast<std::size_t>(found - kNames.begin()));
}

std::vector<std::string> capability_names(Capabilities set) {
  std::vector<std::string> names;
  for (std::size_t number = 0; number < kNames.size(); ++number) {
    if ((set & bit(number)) != 0) {
      names.push_back(std::string(kPrefix).append(kNames.at(number)));
    }
  }
  return names;
}

Capabilities all_capabilities() noexcept {
  return bit(kNames.size()) - 1;
}

Capabilities own_capabilities() noexcept {
  Capabilities own = 0;
  for (std::size_t number = 0; number < kNames.size(); ++number) {
    own |= ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1 ? bit(number) : 0;
  }
  return own;
}

void leave_out_missing(CapabilitySets& sets) noexcept {
  const Capabilities usual =
      default_capabilities() | bit(CAP_MKNOD) | bit(CAP_NET_RAW) | bit(CAP_AUDIT_WRITE);
  if (((sets.bounding | sets.permitted | sets.inheritable) & ~usual) == 0) {
    return;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) {
    return;
  }
  const Capabilities own = data[0].permitted | Capabilities{data[1].permitted} << 32U;
  for (Capabilities* set :
       {&sets.bounding, &sets.effective, &sets.inheritable, &sets.permitted, &sets.ambient}) {
    *set &= own;
  }
}

Capabilities default_capabilities() noexcept {
  return bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID) |
         bit(CAP_KILL) | bit(CAP_NET_BIND_SERVICE) | bit(CAP_SETFCAP) | bit(CAP_SETGID) |
         bit(CAP_SETPCAP) | bit(CAP_SETUID) | bit(CAP_SYS_CHROOT);
}

Result<Capabilities> change_capabilities(Capabilities base, const std::vector<std::string>& added,
                                         const std::vector<std::string>& dropped,
                                         Capabilities all) {
  BOTHY_TRY(const Change add, parse_change(added));
  BOTHY_TRY(const Change drop, parse_change(dropped));
  if (add.all) {
    return all & ~drop.capabilities;
  }
  return (drop.all ? 0 : base & ~drop.capabilities) | add.capabilities;
}

}  // namespace bothy::container

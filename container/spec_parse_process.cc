#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

constexpr std::uint32_t kMaxId = 0xfffffffe;    // (uid_t)-1 is nobody's (chown(2))
constexpr std::size_t kMaxGroups = 65536;       // NGROUPS_MAX of Linux
constexpr std::int32_t kMaxOomScoreAdj = 1000;  // proc_pid_oom_score_adj(5)

constexpr std::array<NamedValue<std::uint32_t>, 16> kResources{{
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
}};

Result<void> read_id(const SpecValue& value, std::uint32_t& id) {
  BOTHY_TRY(id, value.number<std::uint32_t>(0, kMaxId));
  return success();
}

Result<void> read_user(const SpecValue& value, Process& process) {
  BOTHY_TRY(value.require("uid"));
  BOTHY_TRY(value.read_with("uid", process.user, read_id));
  BOTHY_TRY(value.require("gid"));
  BOTHY_TRY(value.read_with("gid", process.group, read_id));
  BOTHY_TRY(value.read_number("umask", process.umask, 0U, 0777U));
  BOTHY_TRY(value.read_each("additionalGids", process.additional_groups, read_id));
  if (process.additional_groups.size() > kMaxGroups) {
    return value.wrong("additionalGids", fmt::format("more than {} groups", kMaxGroups));
  }
  return success();
}

Result<void> read_console_size(const SpecValue& value, Process& process) {
  BOTHY_TRY(value.require("height"));
  BOTHY_TRY(value.read_number("height", process.rows));
  BOTHY_TRY(value.require("width"));
  return value.read_number("width", process.columns);
}

Result<void> read_variable(const SpecValue& value, std::string& variable) {
  BOTHY_TRY(variable, value.text());
  if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
    return value.wrong("expected NAME=VALUE");
  }
  return success();
}

Result<void> read_capability(const SpecValue& value, Capabilities& capability) {
  BOTHY_TRY(const std::string name, value.text());
  auto parsed = parse_capability(name);
  if (!parsed) {
    return value.wrong(parsed.error().context);
  }
  capability = parsed.value();
  return success();
}

Result<void> read_capability_set(const SpecValue& value, std::string_view key, Capabilities& set) {
  std::vector<Capabilities> each;
  BOTHY_TRY(value.read_each(key, each, read_capability));
  for (const Capabilities capability : each) {
    set |= capability;
  }
  return success();
}

Result<void> read_capabilities(const SpecValue& value, std::optional<CapabilitySets>& into) {
  CapabilitySets& sets = into.emplace();
  BOTHY_TRY(read_capability_set(value, "bounding", sets.bounding));
  BOTHY_TRY(read_capability_set(value, "effective", sets.effective));
  BOTHY_TRY(read_capability_set(value, "inheritable", sets.inheritable));
  BOTHY_TRY(read_capability_set(value, "permitted", sets.permitted));
  return read_capability_set(value, "ambient", sets.ambient);
}

Result<void> read_rlimit(const SpecValue& value, Rlimit& limit) {
  BOTHY_TRY(value.require("type"));
  BOTHY_TRY(value.read_word("type", limit.resource, kResources, "resource"));
  BOTHY_TRY(value.require("soft"));
  BOTHY_TRY(value.read_number("soft", limit.soft));
  BOTHY_TRY(value.require("hard"));
  BOTHY_TRY(value.read_number("hard", limit.hard));
  if (limit.soft > limit.hard) {
    return value.wrong("soft", "larger than the hard limit");
  }
  return success();
}

Result<void> read_rlimits(const SpecValue& value, Process& process) {
  BOTHY_TRY(value.read_each("rlimits", process.rlimits, read_rlimit));
  auto resources = process.rlimits;
  std::ranges::sort(resources, {}, &Rlimit::resource);
  if (std::ranges::adjacent_find(resources, {}, &Rlimit::resource) != resources.end()) {
    return value.wrong("rlimits", "more than one limit of a resource");
  }
  return success();
}

// config.md, Linux Process.
Result<void> read_linux_process(const SpecValue& value, Process& process) {
  BOTHY_TRY(value.read_with("capabilities", process.capabilities, read_capabilities));
  BOTHY_TRY(value.read("noNewPrivileges", process.no_new_privileges));
  BOTHY_TRY(value.read("apparmorProfile", process.apparmor_profile));
  BOTHY_TRY(value.read("selinuxLabel", process.selinux_label));
  BOTHY_TRY(
      value.read_number("oomScoreAdj", process.oom_score_adj, -kMaxOomScoreAdj, kMaxOomScoreAdj));
  return read_scheduling(value, process);
}

}  // namespace

std::string_view rlimit_name(std::uint32_t resource) noexcept {
  const auto* const found =
      std::ranges::find(kResources, resource, &NamedValue<std::uint32_t>::value);
  return found == kResources.end() ? std::string_view("of an unknown kind") : found->name;
}

Result<void> read_process(const SpecValue& value, Process& process) {
  BOTHY_TRY(value.require("args"));
  BOTHY_TRY(value.read("args", process.arguments));
  if (process.arguments.empty()) {
    return value.wrong("args", "expected at least one");
  }
  BOTHY_TRY(value.read_each("env", process.environment, read_variable));
  BOTHY_TRY(value.require("cwd"));
  BOTHY_TRY(value.read_path("cwd", process.directory));
  BOTHY_TRY(value.read("terminal", process.terminal));
  if (process.terminal) {  // config.md: to be ignored otherwise
    BOTHY_TRY(value.read_with("consoleSize", process, read_console_size));
  }
  BOTHY_TRY(value.read_with("user", process, read_user));
  BOTHY_TRY(read_rlimits(value, process));
  return read_linux_process(value, process);
}

}  // namespace bothy::container

// Profiles as JSON: the member linux.seccomp of a config.json, and the files of Docker and Podman.
#include <linux/seccomp.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/json_fields.h"
#include "container/seccomp.h"
#include "container/seccomp_names.h"

namespace bothy::container {
namespace {

using KernelVersion = std::pair<unsigned, unsigned>;

// What the conditions in a profile file are compared with.
struct Host {
  Capabilities capabilities = 0;
  SeccompArchitectureNames architecture;
  KernelVersion kernel;
};

// The members that make an action.
struct ActionMembers {
  const char* action;
  const char* number;  // of the errno value
  const char* name;    // likewise, as a name; in files alone
};
constexpr ActionMembers kDefaultMembers{"defaultAction", "defaultErrnoRet", "defaultErrno"};
constexpr ActionMembers kRuleMembers{"action", "errnoRet", "errno"};

template <class... Args>
Error bad(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kBadInput, "{}: {}", path,
                    fmt::format(format, std::forward<Args>(args)...));
}

// Reads "4.8" and leaves what follows.
std::optional<KernelVersion> take_version(std::string_view& text) {
  KernelVersion version;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') {
    return std::nullopt;
  }
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc()) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(minor.ptr - text.data()));
  return version;
}

Result<Host> this_host(Capabilities capabilities) {
  utsname names{};
  if (::uname(&names) != 0) {
    return errno_error("can't find out the kernel's version");
  }
  std::string_view release(&names.release[0]);
  return Host{capabilities, native_architecture_names(),
              take_version(release).value_or(KernelVersion())};
}

std::optional<std::uint64_t> errno_value(std::string_view name) {
  constexpr int kLast = EHWPOISON;
  for (int value = 1; value <= kLast; ++value) {
    const char* known = ::strerrorname_np(value);
    if (known != nullptr && name == known) {
      return static_cast<std::uint64_t>(value);
    }
  }
  return std::nullopt;
}

class Parser {
 public:
  // `prefix` comes before the path of a member. `host`: of a profile file; otherwise nullptr.
  Parser(std::string prefix, const Host* host) : prefix_(std::move(prefix)), host_(host) {}

  Result<SeccompProfile> parse(const JsonFields& fields) const {
    SeccompProfile profile;
    BOTHY_TRY(profile.default_action, action(fields, prefix_, kDefaultMembers));
    if (notifies(profile.default_action)) {
      return bad(prefix_ + kDefaultMembers.action, "SCMP_ACT_NOTIFY can't be the default action");
    }
    BOTHY_TRY(profile.architectures, architectures(fields));
    for (const std::string& name : profile.architectures) {
      if (!seccomp_architecture(name)) {
        return bad(prefix_ + "architectures", "unknown architecture '{}'", printable(name));
      }
    }
    BOTHY_TRY(profile.flags, fields.texts("flags"));
    for (const std::string& name : profile.flags) {
      if (!seccomp_flag(name)) {
        return bad(prefix_ + "flags", "bothy doesn't support the flag '{}'", printable(name));
      }
    }
    BOTHY_TRY(const boost::json::array* rules, fields.array("syscalls"));
    for (std::size_t i = 0; rules != nullptr && i < rules->size(); ++i) {
      const std::string path = fmt::format("{}syscalls[{}]", prefix_, i);
      BOTHY_TRY(const JsonFields members, JsonFields::of((*rules)[i], path));
      BOTHY_TRY(const bool applies, is_for_host(members, path));
      BOTHY_TRY(SeccompRule parsed, rule(members, path));
      if (applies) {
        profile.rules.push_back(std::move(parsed));
      }
    }
    if (std::ranges::any_of(profile.rules, notifies, &SeccompRule::action)) {
      BOTHY_TRY(profile.listener, listener(fields, profile.rules));
    }
    return profile;
  }

 private:
  static bool notifies(const SeccompAction& action) {
    return action.value == SECCOMP_RET_USER_NOTIF;
  }

  [[nodiscard]] Result<SeccompListener> listener(const JsonFields& fields,
                                                 const std::vector<SeccompRule>& rules) const {
    // sendmsg hands over the listener (container/stage/calls.cc). runc and crun need write for it:
    // a profile that they refuse is refused here as well.
    constexpr std::array<std::string_view, 2> kNeeded{"sendmsg", "write"};
    for (const SeccompRule& rule : rules) {
      for (const std::string_view name : kNeeded) {
        if (notifies(rule.action) && std::ranges::count(rule.names, name) != 0) {
          return bad(prefix_ + "syscalls", "SCMP_ACT_NOTIFY cannot be used for the {} syscall",
                     name);
        }
      }
    }
    if (host_ != nullptr) {
      return bad(prefix_ + "syscalls", "SCMP_ACT_NOTIFY is for the OCI runtime interface alone");
    }
    SeccompListener listener;
    BOTHY_TRY(listener.path, fields.text("listenerPath"));
    BOTHY_TRY(listener.metadata, fields.text("listenerMetadata"));
    if (!listener.path.starts_with('/')) {
      return bad(prefix_ + "listenerPath",
                 "SCMP_ACT_NOTIFY needs the absolute path of a unix socket");
    }
    return listener;
  }

  Result<SeccompAction> action(const JsonFields& fields, const std::string& path,
                               const ActionMembers& keys) const {
    BOTHY_TRY(const std::string name, fields.text(keys.action));
    std::optional<std::uint64_t> data;
    if (fields.has(keys.number)) {
      BOTHY_TRY(data, fields.number(keys.number));
    }
    if (host_ != nullptr && fields.has(keys.name)) {
      // Podman's files have the name beside the number, for architectures with other numbers.
      BOTHY_TRY(const std::string text, fields.text(keys.name));
      data = errno_value(text);
      if (!data) {
        return bad(path + keys.name, "unknown errno name '{}'", printable(text));
      }
    }
    const auto action = seccomp_action(name, data);
    return action ? action : bad(path + keys.action, "{}", action.error().context);
  }

  Result<std::vector<std::string>> architectures(const JsonFields& fields) const {
    BOTHY_TRY(auto names, fields.texts("architectures"));
    if (host_ == nullptr || !fields.has("archMap")) {
      return names;
    }
    if (!names.empty()) {
      return bad(prefix_ + "archMap", "can't be combined with 'architectures'");
    }
    BOTHY_TRY(const boost::json::array* entries, fields.array("archMap"));
    for (std::size_t i = 0; i < entries->size(); ++i) {
      const std::string path = fmt::format("{}archMap[{}]", prefix_, i);
      BOTHY_TRY(const JsonFields entry, JsonFields::of((*entries)[i], path));
      BOTHY_TRY(const std::string name, entry.text("architecture"));
      BOTHY_TRY(const auto others, entry.texts("subArchitectures"));
      if (name == host_->architecture.oci) {
        names.push_back(name);
        names.insert(names.end(), others.begin(), others.end());
      }
    }
    return names;
  }

  // A rule applies if all that it includes holds for this host and nothing that it excludes does.
  Result<bool> is_for_host(const JsonFields& fields, const std::string& path) const {
    if (host_ == nullptr) {
      return true;
    }
    BOTHY_TRY(const auto included, conditions(fields, path, "includes"));
    BOTHY_TRY(const auto excluded, conditions(fields, path, "excludes"));
    const auto holds = [](bool condition) { return condition; };
    return std::ranges::all_of(included, holds) && std::ranges::none_of(excluded, holds);
  }

  // Whether each condition in the member `key` holds.
  Result<std::vector<bool>> conditions(const JsonFields& fields, const std::string& path,
                                       const char* key) const {
    std::vector<bool> results;
    BOTHY_TRY(const boost::json::object* object, fields.object(key));
    if (object == nullptr) {
      return results;
    }
    const std::string own_path = fmt::format("{}.{}", path, key);
    const JsonFields members(*object, own_path);
    BOTHY_TRY(const auto architectures, members.texts("arches"));
    if (!architectures.empty()) {
      results.push_back(std::ranges::count(architectures, host_->architecture.go) > 0);
    }
    BOTHY_TRY(const auto capabilities, members.texts("caps"));
    for (const std::string& name : capabilities) {
      const auto capability = parse_capability(name);
      if (!capability) {
        return bad(own_path + ".caps", "{}", capability.error().context);
      }
      results.push_back((host_->capabilities & capability.value()) != 0);
    }
    BOTHY_TRY(const std::string kernel, members.text("minKernel"));
    if (!kernel.empty()) {
      std::string_view rest = kernel;
      const auto version = take_version(rest);
      if (!version || !rest.empty()) {
        return bad(own_path + ".minKernel", "expected a version like 4.8, not '{}'",
                   printable(kernel));
      }
      results.push_back(host_->kernel >= *version);
    }
    return results;
  }

  Result<SeccompRule> rule(const JsonFields& fields, const std::string& path) const {
    SeccompRule rule;
    BOTHY_TRY(rule.names, fields.texts("names"));
    if (host_ != nullptr && fields.has("name")) {  // Docker's older form
      BOTHY_TRY(std::string name, fields.text("name"));
      rule.names.push_back(std::move(name));
    }
    if (rule.names.empty()) {
      return bad(path + ".names", "expected at least one system call");
    }
    for (const std::string& name : rule.names) {
      constexpr const char* kLetters =
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
      if (name.empty() || name.find_first_not_of(kLetters) != std::string::npos) {
        return bad(path + ".names", "'{}' can't be a system call", printable(name));
      }
    }
    BOTHY_TRY(rule.action, action(fields, path + ".", kRuleMembers));
    BOTHY_TRY(rule.arguments, arguments(fields, path));
    return rule;
  }

  static Result<std::vector<SeccompArgument>> arguments(const JsonFields& fields,
                                                        const std::string& path) {
    std::vector<SeccompArgument> arguments;
    BOTHY_TRY(const boost::json::array* elements, fields.array("args"));
    for (std::size_t i = 0; elements != nullptr && i < elements->size(); ++i) {
      const std::string own_path = fmt::format("{}.args[{}]", path, i);
      BOTHY_TRY(const JsonFields members, JsonFields::of((*elements)[i], own_path));
      BOTHY_TRY(const SeccompArgument argument, parse_argument(members, own_path));
      arguments.push_back(argument);
    }
    return arguments;
  }

  static Result<SeccompArgument> parse_argument(const JsonFields& fields, const std::string& path) {
    constexpr std::uint64_t kLastIndex = 5;
    SeccompArgument argument;
    for (const char* key : {"index", "value"}) {
      if (!fields.has(key)) {
        return bad(path, "'{}' is missing", key);
      }
    }
    BOTHY_TRY(const std::uint64_t index, fields.number("index"));
    if (index > kLastIndex) {
      return bad(path + ".index", "expected 0 to {}, not {}", kLastIndex, index);
    }
    argument.index = static_cast<std::uint32_t>(index);
    BOTHY_TRY(argument.value, fields.number("value"));
    BOTHY_TRY(argument.second, fields.number("valueTwo"));
    BOTHY_TRY(const std::string name, fields.text("op"));
    const auto compare = seccomp_compare(name);
    if (!compare) {
      return bad(path + ".op", "unknown operator '{}': expected one like SCMP_CMP_EQ",
                 printable(name));
    }
    argument.compare = *compare;
    return argument;
  }

  std::string prefix_;
  const Host* host_;
};

}  // namespace

Result<SeccompProfile> parse_seccomp(std::string_view json, std::string_view what) {
  BOTHY_TRY(const auto object, parse_object(json, what));
  return Parser(fmt::format("{}.", what), nullptr).parse(JsonFields(object, what));
}

Result<SeccompProfile> parse_seccomp_file(std::string_view json, std::string_view what,
                                          Capabilities capabilities) {
  BOTHY_TRY(const Host host, this_host(capabilities));
  BOTHY_TRY(const auto object, parse_object(json, what));
  return Parser(fmt::format("{}: ", what), &host).parse(JsonFields(object, what));
}

}  // namespace bothy::container

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

constexpr std::uint32_t kMaxNanoseconds = 999'999'999;

// With an 'r' as well, which callers write for the whole tree: the root's mounts are one tree.
constexpr std::array<NamedValue<unsigned long>, 9> kPropagations{{
    {"", 0},
    {"shared", MS_SHARED},
    {"rshared", MS_SHARED},
    {"slave", MS_SLAVE},
    {"rslave", MS_SLAVE},
    {"private", MS_PRIVATE},
    {"rprivate", MS_PRIVATE},
    {"unbindable", MS_UNBINDABLE},
    {"runbindable", MS_UNBINDABLE},
}};

// What bothy doesn't do, and nobody would miss until it is too late.
constexpr std::array<std::string_view, 3> kUnsupported{"intelRdt", "memoryPolicy", "netDevices"};

Result<void> read_kind(const SpecValue& value, NamespaceKind& kind) {
  BOTHY_TRY(const std::string name, value.text());
  for (std::size_t number = 0; number < kNamespaceKinds; ++number) {
    kind = static_cast<NamespaceKind>(number);
    if (to_string(kind) == name) {
      return success();
    }
  }
  return value.wrong(fmt::format("unknown namespace '{}'", printable(name)));
}

Result<void> read_namespace(const SpecValue& value, Namespace& into) {
  BOTHY_TRY(value.require("type"));
  BOTHY_TRY(value.read_with("type", into.kind, read_kind));
  // Callers write an empty path for a new namespace.
  BOTHY_TRY(value.read("path", into.path));
  if (into.path.empty()) {
    return success();
  }
  return value.read_path("path", into.path);
}

Result<void> read_namespaces(const SpecValue& value, OciSpec& spec) {
  BOTHY_TRY(value.read_each("namespaces", spec.namespaces, read_namespace));
  auto kinds = spec.namespaces;
  std::ranges::sort(kinds, {}, &Namespace::kind);
  const auto twice = std::ranges::adjacent_find(kinds, {}, &Namespace::kind);
  if (twice != kinds.end()) {
    return value.wrong("namespaces",
                       fmt::format("more than one {} namespace", to_string(twice->kind)));
  }
  return success();
}

bool is_new(const OciSpec& spec, NamespaceKind kind) {
  const Namespace* const found = spec.find(kind);
  return found != nullptr && found->path.empty();
}

Result<void> read_user_mappings(const SpecValue& value, OciSpec& spec) {
  BOTHY_TRY(read_mappings(value, spec.mappings));
  if (spec.mappings.empty() && is_new(spec, NamespaceKind::kUser)) {
    return value.wrong("uidMappings", "missing for the new user namespace");
  }
  if (!spec.mappings.empty() && spec.find(NamespaceKind::kUser) == nullptr) {
    return value.wrong("uidMappings", "no user namespace in linux.namespaces");
  }
  return success();
}

// config-linux.md, Offset for Time Namespace; time_namespaces(7) has the clocks.
Result<void> read_time_offset(const SpecValue& value, std::optional<TimeOffset>& into) {
  TimeOffset& offset = into.emplace();
  BOTHY_TRY(value.read_number("secs", offset.seconds));
  return value.read_number("nanosecs", offset.nanoseconds, 0U, kMaxNanoseconds);
}

Result<void> read_time_offsets(const SpecValue& value, OciSpec& spec) {
  BOTHY_TRY(
      value.read_members([&](const SpecValue& offset, std::string_view clock) -> Result<void> {
        if (clock == "monotonic") {
          return read_time_offset(offset, spec.monotonic_offset);
        }
        if (clock == "boottime") {
          return read_time_offset(offset, spec.boot_offset);
        }
        return offset.wrong("expected a clock: 'monotonic' or 'boottime'");
      }));
  if ((spec.monotonic_offset || spec.boot_offset) && !is_new(spec, NamespaceKind::kTime)) {
    return value.wrong("no new time namespace in linux.namespaces");
  }
  return success();
}

Result<void> read_cgroups_path(const SpecValue& value, std::string& path) {
  BOTHY_TRY(path, value.text());
  const std::string framed = fmt::format("/{}/", path);
  if (framed.find("/../") != std::string::npos) {
    return value.wrong("expected a path without '..'");
  }
  return success();
}

Result<void> read_seccomp(const SpecValue& value, std::optional<SeccompProfile>& profile) {
  if (!value.json().is_object()) {
    return value.wrong("expected an object");
  }
  BOTHY_TRY(profile,
            parse_seccomp(boost::json::serialize(value.json()), "config.json: linux.seccomp"));
  return success();
}

// sysctl(8): components separated by '.' or '/'.
bool is_sysctl(std::string_view name) {
  bool separated = true;
  for (const char letter : name) {
    const bool separates = letter == '.' || letter == '/';
    if ((separates && separated) || letter <= ' ' || letter == '\x7f') {
      return false;
    }
    separated = separates;
  }
  return !separated;
}

Result<void> read_sysctl(const SpecValue& value, OciSpec& spec) {
  return value.read_members([&](const SpecValue& member, std::string_view name) -> Result<void> {
    BOTHY_TRY(std::string text, member.text());
    if (!is_sysctl(name)) {
      return member.wrong("expected the name of a kernel parameter");
    }
    spec.sysctls.emplace_back(name, std::move(text));
    return success();
  });
}

// config-linux.md, Personality: LINUX is what every process has.
Result<void> read_personality(const SpecValue& value, std::string& domain) {
  BOTHY_TRY(value.require("domain"));
  BOTHY_TRY(value.read("domain", domain));
  if (domain != "LINUX") {
    return value.wrong("domain", "expected 'LINUX'; bothy supports no other one");
  }
  std::vector<std::string> flags;
  BOTHY_TRY(value.read("flags", flags));
  if (!flags.empty()) {
    return value.wrong("flags", "not supported");
  }
  return success();
}

Result<void> check_supported(const SpecValue& value) {
  for (const std::string_view key : kUnsupported) {
    BOTHY_TRY(const bool present, value.has(key));
    if (present) {
      return value.wrong(key, "not supported");
    }
  }
  return success();
}

Result<void> read_isolation(const SpecValue& value, OciSpec& spec) {
  BOTHY_TRY(
      value.read_word("rootfsPropagation", spec.root.propagation, kPropagations, "propagation"));
  BOTHY_TRY(value.read_with("seccomp", spec.seccomp, read_seccomp));
  BOTHY_TRY(value.read_paths("maskedPaths", spec.masked_paths));
  BOTHY_TRY(value.read_paths("readonlyPaths", spec.read_only_paths));
  BOTHY_TRY(value.read("mountLabel", spec.mount_label));
  BOTHY_TRY(value.read_with("sysctl", spec, read_sysctl));
  std::string domain;
  return value.read_with("personality", domain, read_personality);
}

}  // namespace

Result<void> read_linux(const SpecValue& value, OciSpec& spec) {
  BOTHY_TRY(check_supported(value));
  BOTHY_TRY(read_namespaces(value, spec));
  BOTHY_TRY(read_user_mappings(value, spec));
  BOTHY_TRY(value.read_with("timeOffsets", spec, read_time_offsets));
  BOTHY_TRY(value.read_each("devices", spec.devices, read_device));
  BOTHY_TRY(value.read_with("cgroupsPath", spec.cgroups_path, read_cgroups_path));
  BOTHY_TRY(value.read_with("resources", spec, read_resources));
  return read_isolation(value, spec);
}

}  // namespace bothy::container

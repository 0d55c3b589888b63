#include "run/container/container_flags.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/units.h"
#include "container/capabilities.h"

namespace bothy::run {
namespace {

using Form = IsolationFlag::Form;

constexpr std::string_view kCapAdd = "--cap-add";
constexpr std::string_view kCapDrop = "--cap-drop";
constexpr std::string_view kDevice = "--device";
constexpr std::string_view kPrivileged = "--privileged";
constexpr std::string_view kSecurityOption = "--security-opt";
constexpr std::string_view kShmSize = "--shm-size";
constexpr std::string_view kSysctl = "--sysctl";
constexpr std::string_view kUserns = "--userns";

constexpr std::array kFlags{
    IsolationFlag{kUserns, "auto|host|keep-id",
                  "Ids of a container's users on the host: a range of its own, the same ids, or a "
                  "range with your own id in its place (default auto)"},
    IsolationFlag{kCapAdd, "NAME", "Add a capability of a container, or ALL", Form::kValues},
    IsolationFlag{kCapDrop, "NAME", "Drop a capability of a container, or ALL", Form::kValues},
    IsolationFlag{kSecurityOption, "OPTION",
                  "no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, label=LABEL or "
                  "systempaths=unconfined",
                  Form::kValues},
    IsolationFlag{kDevice, "HOST[:TARGET[:rwm]]",
                  "Give a container a device of the host, or those of a directory", Form::kValues},
    IsolationFlag{kDeviceReadBps, "PATH:RATE",
                  "Limit on bytes a second that are read from a block device of the host",
                  Form::kValues},
    IsolationFlag{kDeviceWriteBps, "PATH:RATE", "Likewise on bytes that are written",
                  Form::kValues},
    IsolationFlag{kDeviceReadIops, "PATH:RATE", "Likewise on reads", Form::kValues},
    IsolationFlag{kDeviceWriteIops, "PATH:RATE", "Likewise on writes", Form::kValues},
    IsolationFlag{kPrivileged, "",
                  "Give a container all capabilities, no seccomp filter and no masked paths",
                  Form::kSwitch},
    IsolationFlag{kShmSize, "SIZE", "Size of a container's /dev/shm (default 64M)"},
    IsolationFlag{kSysctl, "NAME=VALUE", "Set a kernel parameter of a container's namespaces",
                  Form::kValues},
};

Error invalid(std::string_view flag, std::string_view value, std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "{}: invalid value '{}': expected {}", flag,
                    printable(value), expected);
}

bool is_target(std::string_view path) noexcept {
  return path.starts_with('/') && path.size() > 1;
}

Result<DeviceFlag> parse_device(std::string_view text) {
  constexpr std::string_view kExpected =
      "HOST[:TARGET[:rwm]] with absolute paths, and one or more of r, w and m";
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  DeviceFlag device;
  device.host = text.substr(0, first);
  device.container = device.host;
  std::string_view access = "rwm";
  if (first != std::string_view::npos) {
    const std::string_view middle = text.substr(first + 1, second - first - 1);
    // As Docker, the target may be left out: "/dev/null:r".
    if (second == std::string_view::npos && !middle.starts_with('/')) {
      access = middle;
    } else {
      device.container = middle;
    }
  }
  if (second != std::string_view::npos) {
    access = text.substr(second + 1);
  }
  if (!is_target(device.host) || !is_target(device.container) || access.empty() ||
      access.find_first_not_of("rwm") != std::string_view::npos) {
    return invalid(kDevice, text, kExpected);
  }
  device.read = access.find('r') != std::string_view::npos;
  device.write = access.find('w') != std::string_view::npos;
  device.make = access.find('m') != std::string_view::npos;
  return device;
}

Result<UserNamespace> parse_user_namespace(std::string_view text) {
  if (text == "auto") {
    return UserNamespace::kAuto;
  }
  if (text == "host") {
    return UserNamespace::kHost;
  }
  if (text == "keep-id") {
    return UserNamespace::kKeepId;
  }
  return invalid(kUserns, text, "auto, host or keep-id");
}

// KEY[=VALUE]; Docker once wrote KEY:VALUE.
Result<void> apply_security_option(std::string_view text, ContainerFlags& flags) {
  const std::size_t separator = text.find_first_of("=:");
  const std::string_view key = text.substr(0, separator);
  const std::string value(separator == std::string_view::npos ? std::string_view()
                                                              : text.substr(separator + 1));
  if (key == "no-new-privileges" && (value.empty() || value == "true" || value == "false")) {
    flags.no_new_privileges = value != "false";
  } else if (key == "seccomp" && !value.empty()) {
    flags.seccomp = value;
  } else if (key == "apparmor" && !value.empty()) {
    flags.apparmor = value == kUnconfined ? std::string() : value;
  } else if (key == "label" && !value.empty()) {
    flags.label = value == "disable" ? std::string() : value;
  } else if (key == "systempaths" && value == kUnconfined) {
    flags.unmasked = true;
  } else {
    return invalid(kSecurityOption, text,
                   "no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, label=LABEL or "
                   "systempaths=unconfined");
  }
  return success();
}

Result<void> check_capabilities(const ContainerFlags& flags) {
  for (const auto& [flag, names] : {std::pair(kCapAdd, &flags.added_capabilities),
                                    std::pair(kCapDrop, &flags.dropped_capabilities)}) {
    if (const auto changed = container::change_capabilities(0, *names, {}); !changed) {
      return make_error(ErrorCode::kInvalid, "{}: {}", flag, changed.error().context);
    }
  }
  return success();
}

}  // namespace

std::span<const IsolationFlag> container_flags() noexcept {
  return kFlags;
}

Result<ContainerFlags> parse_container_flags(const RunOptions& options) {
  ContainerFlags flags;
  flags.added_capabilities = options.isolation_values(kCapAdd);
  flags.dropped_capabilities = options.isolation_values(kCapDrop);
  BOTHY_TRY(check_capabilities(flags));
  flags.privileged = options.has_isolation_flag(kPrivileged);
  for (const std::string& text : options.isolation_values(kDevice)) {
    BOTHY_TRY(auto device, parse_device(text));
    flags.devices.push_back(std::move(device));
  }
  for (const std::string& text : options.isolation_values(kSysctl)) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return invalid(kSysctl, text, "NAME=VALUE");
    }
    flags.sysctls.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (options.has_isolation_flag(kUserns)) {
    BOTHY_TRY(flags.user_namespace, parse_user_namespace(options.isolation_flag(kUserns)));
  }
  if (options.has_isolation_flag(kShmSize)) {
    BOTHY_TRY(flags.shm_size, parse_size(options.isolation_flag(kShmSize)));
  }
  for (const std::string& text : options.isolation_values(kSecurityOption)) {
    BOTHY_TRY(apply_security_option(text, flags));
  }
  return flags;
}

}  // namespace bothy::run

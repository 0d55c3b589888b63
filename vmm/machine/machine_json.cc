#include "vmm/machine/machine_json.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

#include "base/key_values.h"
#include "base/units.h"
#include "devices/virtio/console/kind.h"
#include "vmm/machine/device_kinds.h"

namespace bothy {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, MemoryBacking>, 3> kBackings{
    {{"anonymous", MemoryBacking::kAnonymous},
     {"shared", MemoryBacking::kShared},
     {"hugepages", MemoryBacking::kSharedHuge}}};

std::string_view name_of(MemoryBacking backing) noexcept {
  for (const auto& [name, value] : kBackings) {
    if (value == backing) {
      return name;
    }
  }
  return {};
}

Error wrong_type(std::string_view name, std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "'{}': expected {}", name, expected);
}

// {"path": "a", "ro": true} -> "path=a,ro=on"
Result<std::string> key_values(std::string_view name, const json::object& object) {
  std::string text;
  for (const auto& [key, value] : object) {
    std::string part;
    if (value.is_bool()) {
      part = value.get_bool() ? "on" : "off";
    } else {
      BOTHY_TRY(const std::string scalar,
                json_scalar(fmt::format("{}.{}", name, std::string_view(key)), value));
      part = escape_value(scalar);
    }
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", std::string_view(key), part);
  }
  return text;
}

Result<std::string> flag_text(std::string_view name, const json::value& value) {
  return value.is_object() ? key_values(name, value.get_object()) : json_scalar(name, value);
}

// Of a member that may be an array: calls `apply` with each element.
template <class Apply>
Result<void> for_each_element(const json::value& value, const Apply& apply) {
  if (!value.is_array()) {
    return apply(value);
  }
  for (const json::value& element : value.get_array()) {
    BOTHY_TRY(apply(element));
  }
  return success();
}

Result<void> apply_device(const DeviceKind& kind, const json::value& value, MachineConfig& config) {
  const DeviceKind::Flag& flag = kind.flag();
  std::string text;
  if (flag.use == DeviceKind::Use::kSwitch) {
    if (!value.is_bool()) {
      return wrong_type(flag.name, "true or false");
    }
    if (!value.get_bool()) {
      return success();
    }
  } else {
    BOTHY_TRY(text, flag_text(flag.name, value));
    if (text.empty()) {
      return success();
    }
  }
  BOTHY_TRY(DeviceConfig device, kind.parse(text, devices_of(config, kind).size()));
  add_device(config, std::move(device));
  return success();
}

// Of the members that have one text or number as their value.
Result<bool> apply_scalar(std::string_view name, const std::string& text, MachineConfig& config) {
  if (name == "kernel") {
    config.kernel = text;
  } else if (name == "cmdline") {
    config.cmdline = text;
  } else if (name == "kernel-payload") {
    BOTHY_TRY(config.unpack_kernel, parse_kernel_payload(text));
  } else if (name == "cpus") {
    BOTHY_TRY(config.vcpus, parse_vcpus(text));
  } else if (name == "cpu-features") {
    BOTHY_TRY(config.cpu_features, arch::CpuFeatures::parse(text));
  } else if (name == "memory") {
    BOTHY_TRY(config.memory, parse_memory(text));
  } else if (name == "memory-backing") {
    BOTHY_TRY(config.backing, parse_memory_backing(text));
  } else if (name == "console") {
    BOTHY_TRY(config.console, parse_console(text));
  } else {
    return false;
  }
  return true;
}

Result<void> apply_member(std::string_view name, const json::value& value, MachineConfig& config) {
  if (const DeviceKind* kind = find_device_kind(name)) {
    if (kind->flag().use != DeviceKind::Use::kRepeated) {
      return apply_device(*kind, value, config);
    }
    return for_each_element(
        value, [&](const json::value& each) { return apply_device(*kind, each, config); });
  }
  if (name == "initrd") {
    return for_each_element(value, [&](const json::value& each) -> Result<void> {
      BOTHY_TRY(std::string path, json_scalar(name, each));
      config.initrds.push_back(std::move(path));
      return success();
    });
  }
  if (name == "core-scheduling") {
    if (!value.is_bool()) {
      return wrong_type(name, "true or false");
    }
    config.core_scheduling = value.get_bool();
    return success();
  }
  BOTHY_TRY(const std::string text,
            name == "console" ? flag_text(name, value) : json_scalar(name, value));
  if (text.empty()) {
    return success();
  }
  BOTHY_TRY(const bool known, apply_scalar(name, text, config));
  if (!known) {
    return make_error(ErrorCode::kInvalid, "unknown member '{}'", name);
  }
  return success();
}

json::value devices_json(const DeviceKind& kind, const MachineConfig& config) {
  const auto devices = devices_of(config, kind);
  if (kind.flag().use == DeviceKind::Use::kSwitch) {
    return !devices.empty();
  }
  json::array array;
  for (const DeviceConfig* device : devices) {
    array.push_back(kind.to_json(*device));
  }
  return array;
}

}  // namespace

json::object to_json(const MachineConfig& config) {
  json::object object;
  object["kernel"] = config.kernel;
  object["initrd"] = json::array(config.initrds.begin(), config.initrds.end());
  object["cmdline"] = config.cmdline;
  object["kernel-payload"] = config.unpack_kernel ? "unpack" : "keep";
  object["cpus"] = config.vcpus;
  object["cpu-features"] = config.cpu_features.to_string();
  object["core-scheduling"] = config.core_scheduling;
  object["memory"] = config.memory;
  object["memory-backing"] = name_of(memory_backing(config));
  object["console"] = describe(config.console);
  for (const DeviceKind* kind : device_kinds()) {
    const auto& flag = kind->flag();
    if (flag.use != DeviceKind::Use::kOnce) {
      object[flag.name] = devices_json(*kind, config);
    } else if (const auto devices = devices_of(config, *kind); !devices.empty()) {
      object[flag.name] = kind->to_json(*devices.front());
    }
  }
  return object;
}

Result<void> from_json(const json::object& object, MachineConfig& config) {
  for (const auto& [name, value] : object) {
    BOTHY_TRY(apply_member(name, value, config));
  }
  return success();
}

Result<std::string> json_scalar(std::string_view name, const json::value& value) {
  if (value.is_string()) {
    return std::string(value.get_string());
  }
  if (value.is_int64() || value.is_uint64()) {
    return json::serialize(value);
  }
  return wrong_type(name, "a string or an integer");
}

Result<MemoryBacking> parse_memory_backing(std::string_view name) {
  for (const auto& [known, backing] : kBackings) {
    if (known == name) {
      return backing;
    }
  }
  return make_error(ErrorCode::kInvalid,
                    "--memory-backing: invalid value '{}': expected anonymous, shared or hugepages",
                    name);
}

Result<bool> parse_kernel_payload(std::string_view name) {
  if (name != "unpack" && name != "keep") {
    return make_error(ErrorCode::kInvalid,
                      "--kernel-payload: invalid value '{}': expected unpack or keep", name);
  }
  return name == "unpack";
}

Result<std::uint32_t> parse_vcpus(std::string_view text) {
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) {
    return make_error(ErrorCode::kInvalid, "--cpus: invalid value '{}': expected a number", text);
  }
  return number;
}

Result<std::uint64_t> parse_memory(std::string_view text) {
  const auto size = parse_size(text);
  if (!size) {
    return make_error(ErrorCode::kInvalid, "--memory: {}", size.error().context);
  }
  return size.value();
}

}  // namespace bothy

#include <array>

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

// Linux: dev_t has 12 bits of major and 20 of minor.
constexpr std::int64_t kMaxMajor = (1 << 12) - 1;
constexpr std::int64_t kMaxMinor = (1 << 20) - 1;
constexpr std::uint32_t kPermissions = 07777;
// Callers give the type of the file as well (mknod(2)).
constexpr std::uint32_t kMaxMode = 0177777;
constexpr std::uint32_t kMaxId = 0xfffffffe;  // (uid_t)-1 is nobody's (chown(2))

// mknod(1): 'u' is another name of 'c'.
constexpr std::array<NamedValue<char>, 4> kTypes{{{"c", 'c'}, {"u", 'c'}, {"b", 'b'}, {"p", 'p'}}};
constexpr std::array<NamedValue<char>, 4> kRuleTypes{
    {{"a", 'a'}, {"", 'a'}, {"c", 'c'}, {"b", 'b'}}};

// -1 stands for any, as in runc.
Result<void> read_any_number(const SpecValue& value, std::string_view key,
                             std::optional<std::uint32_t>& into, std::int64_t greatest) {
  std::int64_t number = -1;
  BOTHY_TRY(value.read_number(key, number, std::int64_t{-1}, greatest));
  if (number >= 0) {
    into = static_cast<std::uint32_t>(number);
  }
  return success();
}

Result<void> read_access(const SpecValue& value, DeviceRule& rule) {
  BOTHY_TRY(const std::string access, value.text());
  if (access.empty()) {
    return success();
  }
  if (access.find_first_not_of("rwm") != std::string::npos) {
    return value.wrong("expected some of the letters 'rwm'");
  }
  rule.read = access.find('r') != std::string::npos;
  rule.write = access.find('w') != std::string::npos;
  rule.make = access.find('m') != std::string::npos;
  return success();
}

}  // namespace

Result<void> read_device_numbers(const SpecValue& value, std::uint32_t& major,
                                 std::uint32_t& minor) {
  BOTHY_TRY(value.require("major"));
  BOTHY_TRY(value.read_number("major", major, 0U, static_cast<std::uint32_t>(kMaxMajor)));
  BOTHY_TRY(value.require("minor"));
  return value.read_number("minor", minor, 0U, static_cast<std::uint32_t>(kMaxMinor));
}

// config-linux.md, Devices.
Result<void> read_device(const SpecValue& value, Device& device) {
  BOTHY_TRY(value.require("type"));
  BOTHY_TRY(value.read_word("type", device.type, kTypes, "type of device"));
  BOTHY_TRY(value.require("path"));
  BOTHY_TRY(value.read_path("path", device.path));
  if (device.type != 'p') {
    BOTHY_TRY(read_device_numbers(value, device.major, device.minor));
  }
  BOTHY_TRY(value.read_number("fileMode", device.mode, 0U, kMaxMode));
  device.mode &= kPermissions;
  BOTHY_TRY(value.read_number("uid", device.user, 0U, kMaxId));
  return value.read_number("gid", device.group, 0U, kMaxId);
}

// config-linux.md, Allowed Device list: what isn't set means all.
Result<void> read_device_rule(const SpecValue& value, DeviceRule& rule) {
  rule.read = rule.write = rule.make = true;
  BOTHY_TRY(value.require("allow"));
  BOTHY_TRY(value.read("allow", rule.allow));
  BOTHY_TRY(value.read_word("type", rule.type, kRuleTypes, "type of device"));
  BOTHY_TRY(read_any_number(value, "major", rule.major, kMaxMajor));
  BOTHY_TRY(read_any_number(value, "minor", rule.minor, kMaxMinor));
  return value.read_with("access", rule, read_access);
}

}  // namespace bothy::container

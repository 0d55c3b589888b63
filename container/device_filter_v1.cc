// Lists of devices of cgroup v1 (admin-guide/cgroup-v1/devices.rst): a default, and exceptions.
#include <algorithm>
#include <utility>

#include "container/device_filter.h"

namespace bothy::container {
namespace {

bool has_all_access(const DeviceRule& rule) {
  return rule.read && rule.write && rule.make;
}

bool is_default(const DeviceRule& rule) {
  return rule.type == 'a' && !rule.major && !rule.minor && has_all_access(rule);
}

std::string text_of(const DeviceRule& rule) {
  const auto number = [](const std::optional<std::uint32_t>& value) {
    return value ? std::to_string(*value) : std::string("*");
  };
  return fmt::format("{} {}:{} {}{}{}", rule.type, number(rule.major), number(rule.minor),
                     rule.read ? "r" : "", rule.write ? "w" : "", rule.make ? "m" : "");
}

using Number = std::optional<std::uint32_t>;

bool covers(const Number& one, const Number& other) {
  return !one || one == other;
}

bool covers(const DeviceRule& one, const DeviceRule& other) {
  return covers(one.major, other.major) && covers(one.minor, other.minor);
}

bool overlaps(const Number& one, const Number& other) {
  return covers(one, other) || covers(other, one);
}

bool overlaps(const DeviceRule& one, const DeviceRule& other) {
  return one.type == other.type && overlaps(one.major, other.major) &&
         overlaps(one.minor, other.minor) &&
         ((one.read && other.read) || (one.write && other.write) || (one.make && other.make));
}

// The writes for rules of one type after the default. The kernel takes an exception back only by
// the same numbers that it was made with.
class ExceptionList {
 public:
  explicit ExceptionList(bool allowed_by_default) : allowed_by_default_(allowed_by_default) {
    write(allowed_by_default, "a");
  }

  Result<void> add(const DeviceRule& rule) {
    if (rule.allow != allowed_by_default_) {
      exceptions_.push_back(rule);
      write(rule.allow, text_of(rule));
      return success();
    }
    for (DeviceRule& exception : exceptions_) {
      if (!overlaps(rule, exception)) {
        continue;
      }
      if (!covers(rule, exception)) {
        return make_error(ErrorCode::kUnsupported,
                          "can't apply the device rule '{}' after '{}': cgroup v1 has no way to "
                          "take a part of a rule back; list the devices one by one",
                          text_of(rule), text_of(exception));
      }
      DeviceRule taken = rule;
      taken.major = exception.major;
      taken.minor = exception.minor;
      write(rule.allow, text_of(taken));
      exception.read = exception.read && !rule.read;
      exception.write = exception.write && !rule.write;
      exception.make = exception.make && !rule.make;
    }
    return success();
  }
  std::vector<DeviceListWrite> take() { return std::move(writes_); }

 private:
  void write(bool allow, std::string text) {
    writes_.push_back({allow ? "devices.allow" : "devices.deny", std::move(text)});
  }

  bool allowed_by_default_;
  std::vector<DeviceRule> exceptions_;
  std::vector<DeviceListWrite> writes_;
};

}  // namespace

Result<std::vector<DeviceListWrite>> device_list_writes(const std::vector<DeviceRule>& rules) {
  if (rules.size() > kMaxDeviceRules) {
    return make_error(ErrorCode::kInvalid, "a device filter has at most {} rules, not {}",
                      kMaxDeviceRules, rules.size());
  }
  const auto last_default = std::find_if(rules.rbegin(), rules.rend(), is_default);
  ExceptionList list(last_default != rules.rend() && last_default->allow);
  for (auto rule = last_default.base(); rule != rules.end(); ++rule) {
    if (!rule->read && !rule->write && !rule->make) {
      continue;
    }
    // The kernel takes type "a" for everything, whatever numbers follow.
    for (const char type : {'b', 'c'}) {
      if (rule->type == 'a' || rule->type == type) {
        DeviceRule typed = *rule;
        typed.type = type;
        BOTHY_TRY(list.add(typed));
      }
    }
  }
  return list.take();
}

}  // namespace bothy::container

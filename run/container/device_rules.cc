#include "run/container/device_rules.h"

#include <optional>

namespace bothy::run {

using container::DeviceRule;

std::vector<DeviceRule> device_rules(bool all, const std::vector<HostDevice>& devices) {
  std::vector<DeviceRule> rules;
  if (all) {
    return rules;
  }
  rules.push_back({false, 'a', std::nullopt, std::nullopt, true, true, true});
  const std::vector<DeviceRule> defaults = container::default_device_rules();
  rules.insert(rules.end(), defaults.begin(), defaults.end());
  for (const HostDevice& device : devices) {
    rules.push_back({true, device.type, device.major, device.minor, device.flag.read,
                     device.flag.write, device.flag.make});
  }
  return rules;
}

}  // namespace bothy::run

#include "run/container/device_rules.h"

#include <array>
#include <optional>

namespace bothy::run {
namespace {

using container::DeviceRule;

// Linux, Documentation/admin-guide/devices.txt
constexpr std::uint32_t kMemory = 1;     // null 3, zero 5, full 7, random 8, urandom 9
constexpr std::uint32_t kTerminals = 5;  // tty 0, console 1, ptmx 2
constexpr std::uint32_t kPseudoTerminals = 136;

struct Allowed {
  std::uint32_t major;
  std::optional<std::uint32_t> minor;
};
constexpr std::array<Allowed, 9> kAllowed{{
    {kMemory, 3},
    {kMemory, 5},
    {kMemory, 7},
    {kMemory, 8},
    {kMemory, 9},
    {kTerminals, 0},
    {kTerminals, 1},
    {kTerminals, 2},
    {kPseudoTerminals, std::nullopt},
}};

}  // namespace

std::vector<DeviceRule> device_rules(bool all, const std::vector<HostDevice>& devices) {
  std::vector<DeviceRule> rules;
  if (all) {
    return rules;
  }
  rules.push_back({false, 'a', std::nullopt, std::nullopt, true, true, true});
  // A node may be made, by those who may, whatever it stands for: it can't be opened.
  for (const char type : {'c', 'b'}) {
    rules.push_back({true, type, std::nullopt, std::nullopt, false, false, true});
  }
  for (const auto& [major, minor] : kAllowed) {
    rules.push_back({true, 'c', major, minor, true, true, true});
  }
  for (const HostDevice& device : devices) {
    rules.push_back({true, device.type, device.major, device.minor, device.flag.read,
                     device.flag.write, device.flag.make});
  }
  return rules;
}

}  // namespace bothy::run

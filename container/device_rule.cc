#include "container/device_rule.h"

#include <array>

namespace bothy::container {
namespace {

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

std::vector<DeviceRule> default_device_rules() {
  std::vector<DeviceRule> rules;
  for (const char type : {'c', 'b'}) {
    rules.push_back({true, type, std::nullopt, std::nullopt, false, false, true});
  }
  for (const auto& [major, minor] : kAllowed) {
    rules.push_back({true, 'c', major, minor, true, true, true});
  }
  return rules;
}

}  // namespace bothy::container

// CpuFeatures: the optional processor features that a machine shows its guest (--cpu-features).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::arch {

enum class CpuFeature : std::uint8_t { kVmx, kSvm, kPmu, kSgx };

// Nested virtualization, performance counters and enclaves: a guest seldom needs them, and each is
// host code that a hostile guest can reach. All are off by default.
class CpuFeatures {
 public:
  CpuFeatures() = default;

  // A comma-separated list of feature names, each with '+' (on) or '-' (off) in front; the last
  // mention of a name counts. An empty list is the default. kInvalid for anything else.
  [[nodiscard]] static Result<CpuFeatures> parse(std::string_view list);

  // In the form that parse() takes: "+vmx,+pmu"; empty for the default.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] bool has(CpuFeature feature) const noexcept {
    return (enabled_ & bit(feature)) != 0;
  }

  friend bool operator==(const CpuFeatures&, const CpuFeatures&) = default;

 private:
  static constexpr std::uint32_t bit(CpuFeature feature) noexcept {
    return 1U << static_cast<unsigned>(feature);
  }

  std::uint32_t enabled_ = 0;
};

struct CpuFeatureName {
  CpuFeature feature;
  std::string_view name;
};
// Every feature that can be chosen.
[[nodiscard]] std::span<const CpuFeatureName> cpu_feature_names() noexcept;

}  // namespace bothy::arch

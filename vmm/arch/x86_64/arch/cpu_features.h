// CpuFeatures: the processor that a machine shows its guest: a baseline, and features that are off
// unless asked for (--cpu-features).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::arch {

// Named by the microarchitecture levels of the x86-64 psABI (3.1.1): the same instructions on every
// host that has them. kHost: all that KVM supports on this host.
enum class CpuBaseline : std::uint8_t { kHost, kX86V2, kX86V3 };

enum class CpuFeature : std::uint8_t { kVmx, kSvm, kPmu, kSgx };

// Nested virtualization, performance counters and enclaves: a guest seldom needs them, and each is
// host code that a hostile guest can reach. All are off by default.
class CpuFeatures {
 public:
  CpuFeatures() = default;

  // A comma-separated list: a baseline's name, and names of features, each with '+' (on) or '-'
  // (off) in front; the last mention counts. An empty list is the default, the host's processor
  // without the features. kInvalid for anything else.
  [[nodiscard]] static Result<CpuFeatures> parse(std::string_view list);

  // In the form that parse() takes: "x86-64-v2,+vmx,+pmu"; empty for the default.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] bool has(CpuFeature feature) const noexcept {
    return (enabled_ & bit(feature)) != 0;
  }

  [[nodiscard]] CpuBaseline baseline() const noexcept { return baseline_; }

  friend bool operator==(const CpuFeatures&, const CpuFeatures&) = default;

 private:
  static constexpr std::uint32_t bit(CpuFeature feature) noexcept {
    return 1U << static_cast<unsigned>(feature);
  }

  CpuBaseline baseline_ = CpuBaseline::kHost;
  std::uint32_t enabled_ = 0;
};

[[nodiscard]] std::string_view name_of(CpuBaseline baseline) noexcept;

struct CpuFeatureName {
  CpuFeature feature;
  std::string_view name;
};
// Every feature that can be chosen.
[[nodiscard]] std::span<const CpuFeatureName> cpu_feature_names() noexcept;

}  // namespace bothy::arch

#include "arch/cpu_features.h"

#include <algorithm>
#include <array>
#include <string>

namespace bothy::arch {
namespace {

constexpr std::array kNames{
    CpuFeatureName{CpuFeature::kVmx, "vmx"},
    CpuFeatureName{CpuFeature::kSvm, "svm"},
    CpuFeatureName{CpuFeature::kPmu, "pmu"},
    CpuFeatureName{CpuFeature::kSgx, "sgx"},
};

// By the enumerator's value.
constexpr std::array<std::string_view, 3> kBaselines{"host", "x86-64-v2", "x86-64-v3"};

Error invalid(std::string_view item) {
  std::string names;
  for (const CpuFeatureName& entry : kNames) {
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return make_error(ErrorCode::kInvalid,
                    "--cpu-features: invalid feature '{}': expected a baseline ({}), or +NAME or "
                    "-NAME, with NAME one of {}",
                    item, fmt::join(kBaselines, ", "), names);
}

}  // namespace

std::string_view name_of(CpuBaseline baseline) noexcept {
  return kBaselines.at(static_cast<std::size_t>(baseline));
}

std::span<const CpuFeatureName> cpu_feature_names() noexcept {
  return kNames;
}

Result<CpuFeatures> CpuFeatures::parse(std::string_view list) {
  CpuFeatures features;
  bool more = !list.empty();
  while (more) {
    const std::size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    more = comma != std::string_view::npos;
    list.remove_prefix(more ? comma + 1 : list.size());
    if (const auto* baseline = std::ranges::find(kBaselines, item); baseline != kBaselines.end()) {
      features.baseline_ = static_cast<CpuBaseline>(baseline - kBaselines.begin());
      continue;
    }
    if (item.empty() || (item[0] != '+' && item[0] != '-')) {
      return invalid(item);
    }
    const auto* entry = std::ranges::find(kNames, item.substr(1), &CpuFeatureName::name);
    if (entry == kNames.end()) {
      return invalid(item);
    }
    features.enabled_ = item[0] == '+' ? features.enabled_ | bit(entry->feature)
                                       : features.enabled_ & ~bit(entry->feature);
  }
  return features;
}

std::string CpuFeatures::to_string() const {
  std::string text(baseline_ == CpuBaseline::kHost ? std::string_view() : name_of(baseline_));
  for (const CpuFeatureName& entry : kNames) {
    if (has(entry.feature)) {
      text += (text.empty() ? "+" : ",+") + std::string(entry.name);
    }
  }
  return text;
}

}  // namespace bothy::arch

#include "arch/cpu_features.h"

#include <algorithm>
#include <array>

namespace bothy::arch {
namespace {

constexpr std::array kNames{
    CpuFeatureName{CpuFeature::kVmx, "vmx"},
    CpuFeatureName{CpuFeature::kSvm, "svm"},
    CpuFeatureName{CpuFeature::kPmu, "pmu"},
    CpuFeatureName{CpuFeature::kSgx, "sgx"},
};

Error invalid(std::string_view item) {
  std::string names;
  for (const CpuFeatureName& entry : kNames) {
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return make_error(
      ErrorCode::kInvalid,
      "--cpu-features: invalid feature '{}': expected +NAME or -NAME, with NAME one of {}", item,
      names);
}

}  // namespace

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
  std::string text;
  for (const CpuFeatureName& entry : kNames) {
    if (has(entry.feature)) {
      text += (text.empty() ? "+" : ",+") + std::string(entry.name);
    }
  }
  return text;
}

}  // namespace bothy::arch

#include "arch/cpu_features.h"

#include "tests/support/catch.h"

namespace bothy::arch {

TEST_CASE("Optional processor features are off by default") {
  const CpuFeatures features;
  for (const CpuFeatureName& entry : cpu_feature_names()) {
    INFO(entry.name);
    CHECK_FALSE(features.has(entry.feature));
  }
  CHECK(features.to_string().empty());
}

TEST_CASE("A feature list turns features on and off, the last mention of a name counts") {
  const CpuFeatures features = CpuFeatures::parse("+pmu,+vmx,+svm,-svm").value();
  CHECK(features.has(CpuFeature::kPmu));
  CHECK(features.has(CpuFeature::kVmx));
  CHECK_FALSE(features.has(CpuFeature::kSvm));
  CHECK_FALSE(features.has(CpuFeature::kSgx));
  CHECK(features.to_string() == "+vmx,+pmu");
  CHECK(CpuFeatures::parse(features.to_string()).value() == features);
  CHECK(CpuFeatures::parse("").value() == CpuFeatures{});
}

TEST_CASE("An invalid feature list is refused with the names that exist") {
  for (const char* list : {"vmx", "+", "+VMX", "+vmx,", "+vmx,,+svm", "+vmx +svm", "+avx"}) {
    INFO(list);
    const auto features = CpuFeatures::parse(list);
    REQUIRE(features.has_error());
    CHECK(features.error().code == ErrorCode::kInvalid);
    CHECK(features.error().context.find("vmx, svm, pmu, sgx") != std::string::npos);
  }
}

}  // namespace bothy::arch

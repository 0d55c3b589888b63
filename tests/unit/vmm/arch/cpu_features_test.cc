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

TEST_CASE("A feature list names a baseline") {
  CHECK(CpuFeatures().baseline() == CpuBaseline::kHost);
  const CpuFeatures features = CpuFeatures::parse("x86-64-v2,+pmu").value();
  CHECK(features.baseline() == CpuBaseline::kX86V2);
  CHECK(features.has(CpuFeature::kPmu));
  CHECK(features.to_string() == "x86-64-v2,+pmu");
  CHECK(CpuFeatures::parse("x86-64-v3,host").value() == CpuFeatures{});
  CHECK(CpuFeatures::parse("x86-64-v3").value().to_string() == "x86-64-v3");
}

TEST_CASE("An invalid feature list is refused with the names that exist") {
  for (const char* list : {"vmx", "+", "+VMX", "+vmx,", "+vmx,,+svm", "+vmx +svm", "+avx",
                           "x86-64-v9", "+x86-64-v2"}) {
    INFO(list);
    const auto features = CpuFeatures::parse(list);
    REQUIRE(features.has_error());
    CHECK(features.error().code == ErrorCode::kInvalid);
    CHECK(features.error().context.find("vmx, svm, pmu, sgx") != std::string::npos);
  }
}

}  // namespace bothy::arch

#include "arch/msr_policy.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

bool reads(std::uint32_t index, const char* features = "") {
  return is_msr_allowed(index, MsrAccess::kRead, CpuFeatures::parse(features).value());
}
bool writes(std::uint32_t index, const char* features = "") {
  return is_msr_allowed(index, MsrAccess::kWrite, CpuFeatures::parse(features).value());
}

}  // namespace

TEST_CASE("A guest may touch the MSRs that it needs") {
  for (const std::uint32_t index : {0x10U, 0x1bU, 0x48U, 0x174U, 0x277U, 0x2ffU, 0x400U, 0x6e0U,
                                    0x4b564d01U, 0xc0000080U, 0xc0000103U, 0xc0010015U}) {
    INFO(index);
    CHECK(reads(index));
    CHECK(writes(index));
  }
  CHECK(reads(0x10a));
  CHECK_FALSE(writes(0x10a));  // what the processor is
  CHECK(writes(0x49));
  CHECK_FALSE(reads(0x49));  // a command
}

TEST_CASE("A guest may not touch the host's power, firmware, microcode and enlightenments") {
  for (const std::uint32_t index : {0x34U, 0x79U, 0x9eU, 0xcdU, 0x198U, 0x1adU, 0x606U, 0x611U,
                                    0x40000000U, 0x4b564d20U, 0xc0010020U, 0xffffffffU}) {
    INFO(index);
    CHECK_FALSE(reads(index));
    CHECK_FALSE(writes(index));
  }
}

TEST_CASE("The MSRs of an optional feature come with it") {
  struct Case {
    std::uint32_t index;
    const char* feature;
  };
  for (const Case& each :
       {Case{0x480, "+vmx"}, Case{0x3a, "+vmx"}, Case{0x3a, "+sgx"}, Case{0xc0010117, "+svm"},
        Case{0x186, "+pmu"}, Case{0xc0010200, "+pmu"}}) {
    INFO(each.index);
    CHECK_FALSE(reads(each.index));
    CHECK_FALSE(writes(each.index));
    CHECK(reads(each.index, each.feature));
  }
}

TEST_CASE("Every allowed MSR is in a window of the filter") {
  const CpuFeatures all = CpuFeatures::parse("+vmx,+svm,+pmu,+sgx").value();
  const auto is_in_window = [](std::uint32_t index) {
    return std::ranges::any_of(msr_windows(), [index](const MsrWindow& window) {
      return index >= window.first && index - window.first < window.count;
    });
  };
  // All registers are below these bounds.
  for (const std::uint32_t start : {0x0U, 0x40000000U, 0x4b560000U, 0xc0000000U}) {
    for (std::uint32_t index = start; index < start + 0x20000; ++index) {
      if (is_msr_allowed(index, MsrAccess::kRead, all) ||
          is_msr_allowed(index, MsrAccess::kWrite, all)) {
        INFO(index);
        REQUIRE(is_in_window(index));
      }
    }
  }
  // KVM takes sixteen ranges, one for reads and one for writes of each.
  CHECK(msr_windows().size() <= 8);
  for (const MsrWindow& window : msr_windows()) {
    CHECK(window.count % 8 == 0);
  }
}

}  // namespace bothy::arch

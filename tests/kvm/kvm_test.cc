#include "vmm/kvm/kvm.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("A missing KVM device says how to get one") {
  const auto kvm = Kvm::open("/nonexistent/kvm");
  REQUIRE(kvm.has_error());
  CHECK(kvm.error().code == ErrorCode::kUnsupported);
  CHECK(kvm.error().context.find("modprobe") != std::string::npos);
}

TEST_CASE("Another device is not taken for KVM") {
  const auto kvm = Kvm::open("/dev/null");
  REQUIRE(kvm.has_error());
  CHECK(kvm.error().context == "/dev/null is not the KVM device");
}

TEST_CASE("KVM opens and says what CPUID it supports") {
  const auto kvm = Kvm::open();
  REQUIRE(kvm.has_value());
  const auto cpuid = kvm.value().supported_cpuid();
  REQUIRE(cpuid.has_value());
  CHECK(cpuid.value().size() > 4);
}

}  // namespace bothy

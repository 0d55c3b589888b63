#include "vmm/kvm/probe.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("The probe reports a complete KVM interface") {
  const auto interface = probe_kvm_interface();
  REQUIRE(interface.has_value());
  CHECK(interface.value().api_version == 12);
  CHECK(interface.value().missing.empty());
  CHECK(interface.value().max_vcpus > 0);
}

TEST_CASE("The probe refuses a device that is not KVM") {
  const auto absent = probe_kvm_interface("/nonexistent/kvm");
  REQUIRE(absent.has_error());
  CHECK(absent.error().code == ErrorCode::kNotFound);
  const auto other = probe_kvm_interface("/dev/null");
  REQUIRE(other.has_error());
  CHECK(other.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("The probe runs a guest") {
  const auto kvm = Kvm::open();
  REQUIRE(kvm.has_value());
  const auto execution = probe_guest_execution(kvm.value());
  REQUIRE(execution.has_value());
  // Any KVM gets this far, emulating or not; how far decides what it is.
  CHECK(execution.value().instructions_per_second > 0);
}

TEST_CASE("A guest counts as emulated when it is slow or can't use vector registers") {
  CHECK(is_emulated({1'700'000, false}));
  CHECK(is_emulated({1'700'000, true}));
  CHECK(is_emulated({3'000'000'000, false}));
  CHECK_FALSE(is_emulated({50'000'000, true}));
}

}  // namespace bothy

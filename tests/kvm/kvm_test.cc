#include "vmm/kvm/kvm.h"

#include <sys/ioctl.h>

#include "arch/kvm/vcpu_setup.h"
#include "tests/support/catch.h"
#include "vmm/kvm/vm.h"

namespace bothy {

TEST_CASE("A missing KVM device is an error with the remedy") {
  const auto kvm = Kvm::open("/nonexistent/kvm");
  REQUIRE(kvm.has_error());
  CHECK(kvm.error().code == ErrorCode::kUnsupported);
  CHECK(kvm.error().context.find("modprobe") != std::string::npos);
}

TEST_CASE("A device that is not KVM is refused") {
  const auto kvm = Kvm::open("/dev/null");
  REQUIRE(kvm.has_error());
  CHECK(kvm.error().context == "/dev/null is not the KVM device");
}

TEST_CASE("KVM reports the processor that guests can have") {
  const auto kvm = Kvm::open();
  REQUIRE(kvm.has_value());
  const auto model = arch::CpuModel::create(kvm.value().fd(), 1, {});
  REQUIRE(model.has_value());
  CHECK(model.value().physical_address_bits() >= 36);
}

TEST_CASE("A virtual machine reports the frequency of its time stamp counters") {
  const auto kvm = Kvm::open();
  REQUIRE(kvm.has_value());
  const auto vm = Vm::create(kvm.value());
  REQUIRE(vm.has_value());
  const auto vcpu = vm.value().create_vcpu(0);
  REQUIRE(vcpu.has_value());
  CHECK(vm.value().tsc_khz() ==
        static_cast<std::uint32_t>(ioctl(vcpu.value().get(), KVM_GET_TSC_KHZ, 0)));
}

}  // namespace bothy

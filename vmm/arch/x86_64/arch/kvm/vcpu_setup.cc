#include "arch/kvm/vcpu_setup.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <span>
#include <utility>

#include "arch/cpuid.h"
#include "vmm/kvm/ioctl/list_ioctl.h"

namespace bothy::arch {
namespace {

Result<std::vector<kvm_cpuid_entry2>> supported_cpuid(int kvm) {
  // KVM_MAX_CPUID_ENTRIES is 256 in every kernel so far; E2BIG asks for more.
  for (std::size_t room = 256; room <= 4096; room *= 2) {
    KvmList<kvm_cpuid_entry2> cpuid(room);
    if (::ioctl(kvm, kGetSupportedCpuid, cpuid.data()) == 0) {
      return cpuid.entries();
    }
    if (errno != E2BIG) {
      break;
    }
  }
  return errno_error("can't get the CPUID that KVM supports");
}

}  // namespace

Result<CpuModel> CpuModel::create(int kvm, std::uint32_t vcpus, const CpuFeatures& features) {
  BOTHY_TRY(auto supported, supported_cpuid(kvm));
  BOTHY_TRY(check_supported(features, supported));
  const bool tsc_deadline = ::ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
  return CpuModel(std::move(supported), vcpus, features, tsc_deadline);
}

unsigned CpuModel::physical_address_bits() const noexcept {
  return arch::physical_address_bits(supported_);
}

Result<void> CpuModel::set_up(int vcpu, std::uint32_t index) const {
  const auto entries = guest_cpuid(supported_, {index, vcpus_, tsc_deadline_, features_});
  KvmList<kvm_cpuid_entry2> cpuid{std::span<const kvm_cpuid_entry2>(entries)};
  if (::ioctl(vcpu, kSetCpuid2, cpuid.data()) < 0) {
    return errno_error("KVM refuses its CPUID");
  }
  for (const kvm_msr_entry& entry : initial_msrs()) {
    // One at a time: an MSR that this host's KVM does not know can't be read by the guest either,
    // and must not keep the others from being set.
    KvmList<kvm_msr_entry> one{std::span<const kvm_msr_entry>(&entry, 1)};
    if (::ioctl(vcpu, kSetMsrs, one.data()) < 0) {
      return errno_error("KVM refuses its MSRs");
    }
  }
  const kvm_fpu fpu = initial_fpu();
  if (::ioctl(vcpu, KVM_SET_FPU, &fpu) < 0) {
    return errno_error("KVM refuses its FPU state");
  }
  kvm_lapic_state lapic{};
  if (::ioctl(vcpu, KVM_GET_LAPIC, &lapic) < 0) {
    return errno_error("can't read its local APIC");
  }
  set_initial_lapic(lapic);
  if (::ioctl(vcpu, KVM_SET_LAPIC, &lapic) < 0) {
    return errno_error("KVM refuses its local APIC");
  }
  return success();
}

Result<void> set_entry(int vcpu, const CpuEntry& entry) {
  kvm_sregs sregs{};
  if (::ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0) {
    return errno_error("can't read its system registers");
  }
  sregs = boot_system_registers(sregs, entry.protocol);
  if (::ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0) {
    return errno_error("KVM refuses its system registers");
  }
  const kvm_regs regs = boot_registers(entry);
  if (::ioctl(vcpu, KVM_SET_REGS, &regs) < 0) {
    return errno_error("KVM refuses its registers");
  }
  return success();
}

}  // namespace bothy::arch

#include "arch/kvm/vm_setup.h"

#include <linux/kvm.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "arch/layout.h"
#include "arch/msr_policy.h"
#include "vmm/kvm/ioctl/retrying_ioctl.h"

namespace bothy::arch {
namespace {

constexpr std::uint32_t kPinsPer8259 = 8;
constexpr std::uint32_t kIsaLines = 16;

bool has(int kvm, int capability, int flag) noexcept {
  const int value = ::ioctl(kvm, KVM_CHECK_EXTENSION, capability);
  return value > 0 && (value & flag) != 0;
}

// AMD's legacy counters have no CPUID bit to hide them by (before Linux 5.18 they stay).
Result<void> disable_pmu(int kvm, int vm) {
  if (!has(kvm, KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE)) {
    return success();
  }
  kvm_enable_cap enable{};
  enable.cap = KVM_CAP_PMU_CAPABILITY;
  enable.args[0] = KVM_PMU_CAP_DISABLE;
  if (retrying_ioctl(vm, KVM_ENABLE_CAP, &enable) < 0) {
    return errno_error("can't turn off the guest's performance counters (KVM_CAP_PMU_CAPABILITY)");
  }
  return success();
}

// A bit for each register of a window: allowed.
std::vector<std::uint8_t> msr_bitmap(const MsrWindow& window, MsrAccess access,
                                     const CpuFeatures& features) {
  std::vector<std::uint8_t> bitmap(window.count / 8);
  for (std::uint32_t i = 0; i < window.count; ++i) {
    const unsigned allowed = is_msr_allowed(window.first + i, access, features) ? 1 : 0;
    bitmap[i / 8] = static_cast<std::uint8_t>(bitmap[i / 8] | allowed << i % 8);
  }
  return bitmap;
}

}  // namespace

Result<void> filter_msrs(int vm, const CpuFeatures& features) {
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
  std::vector<std::vector<std::uint8_t>> bitmaps;
  for (const MsrWindow& window : msr_windows()) {
    for (const auto& [access, flag] : {std::pair(MsrAccess::kRead, KVM_MSR_FILTER_READ),
                                       std::pair(MsrAccess::kWrite, KVM_MSR_FILTER_WRITE)}) {
      kvm_msr_filter_range& range = filter.ranges[bitmaps.size()];
      bitmaps.push_back(msr_bitmap(window, access, features));
      range = {static_cast<std::uint32_t>(flag), window.count, window.first, bitmaps.back().data()};
    }
  }
  if (retrying_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter) < 0) {
    return errno_error("KVM refuses a filter of the guest's MSRs (KVM_X86_SET_MSR_FILTER)");
  }
  return success();
}

Result<void> set_up_vm(int kvm, int vm, const CpuFeatures& features) {
  if (!features.has(CpuFeature::kPmu)) {
    BOTHY_TRY(disable_pmu(kvm, vm));
  }
  if (retrying_ioctl(vm, KVM_SET_TSS_ADDR, layout::kKvmTss) < 0) {
    return errno_error("KVM refuses the address of its TSS");
  }
  std::uint64_t identity_map = layout::kKvmIdentityMap;
  if (::ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SET_IDENTITY_MAP_ADDR) > 0 &&
      retrying_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0) {
    return errno_error("KVM refuses the address of its identity map");
  }
  if (retrying_ioctl(vm, KVM_CREATE_IRQCHIP, 0UL) < 0) {
    return errno_error("KVM can't create the interrupt controllers");
  }
  return success();
}

std::vector<InterruptRoute> default_interrupt_routes() {
  std::vector<InterruptRoute> routes;
  for (std::uint32_t gsi = 0; gsi < layout::kIoApicPins; ++gsi) {
    routes.push_back({gsi, IrqchipPin{KVM_IRQCHIP_IOAPIC, gsi}});
    if (gsi < kIsaLines) {
      const std::uint32_t chip =
          gsi < kPinsPer8259 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
      routes.push_back({gsi, IrqchipPin{chip, gsi % kPinsPer8259}});
    }
  }
  return routes;
}

}  // namespace bothy::arch

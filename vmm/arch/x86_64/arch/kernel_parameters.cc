#include "arch/kernel_parameters.h"

#include <fmt/format.h>

#include "arch/layout.h"

namespace bothy::arch {

std::vector<std::string> default_kernel_parameters(std::uint32_t tsc_khz) {
  // There is no PCI bus, and finding that out takes a hundred exits. A panic ends the guest at once
  // and sets layout::kWarmBootFlag.
  std::vector<std::string> parameters{"pci=off", "panic=-1", "reboot=panic_warm"};
  // A kernel without kvmclock would calibrate its time stamp counter by the i8254, which fails
  // where an exit takes long, as under nested virtualization; and there is no other clock to use.
  if (tsc_khz != 0) {
    parameters.push_back(fmt::format("tsc_early_khz={}", tsc_khz));
  }
  return parameters;
}

bool panic_recorded(const GuestMemory& memory) noexcept {
  return memory.read<std::uint16_t>(layout::kWarmBootFlag) == layout::kWarmBootMagic;
}

}  // namespace bothy::arch

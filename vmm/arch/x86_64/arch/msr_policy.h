// Which model-specific registers a guest may read and write. KVM knows several hundred; what a
// guest has no reason to touch is host code that a hostile one can reach, or tells it about the
// host. An access that isn't allowed raises #GP in the guest, as on a processor without the
// register. Pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "arch/cpu_features.h"

namespace bothy::arch {

// Registers that are named apart, with a bitmap each (KVM_X86_SET_MSR_FILTER). Registers outside
// are denied, except x2APIC's (0x800 to 0x8ff), which KVM always handles itself.
struct MsrWindow {
  std::uint32_t first;
  std::uint32_t count;  // a multiple of 8
};
[[nodiscard]] std::span<const MsrWindow> msr_windows() noexcept;

enum class MsrAccess : std::uint8_t { kRead, kWrite };

// Registers of a feature that is off are denied too.
[[nodiscard]] bool is_msr_allowed(std::uint32_t index, MsrAccess access,
                                  const CpuFeatures& features) noexcept;

}  // namespace bothy::arch

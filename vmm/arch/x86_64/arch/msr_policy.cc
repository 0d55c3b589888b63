// Registers: Intel SDM volume 4; AMD APM volume 2, appendix A; Linux,
// Documentation/virt/kvm/x86/msr.rst.
#include "arch/msr_policy.h"

#include <algorithm>
#include <array>
#include <optional>

namespace bothy::arch {
namespace {

constexpr std::array kWindows{
    MsrWindow{0, 0x2000},
    MsrWindow{0x4b564d00, 0x20},
    MsrWindow{0xc0000000, 0x200},
    MsrWindow{0xc0010000, 0x2000},
};

constexpr unsigned kRead = 1;
constexpr unsigned kWrite = 2;
constexpr unsigned kBoth = kRead | kWrite;

struct AllowedMsrs {
  std::uint32_t first;
  std::uint32_t last;
  unsigned accesses;
  std::optional<CpuFeature> feature = std::nullopt;
};

// Guests of Linux 6.1 to 7.x boot with these without a complaint about an MSR. Where a register
// comes with a CPUID bit, KVM checks that bit as well.
constexpr std::array kAllowed{
    AllowedMsrs{0x10, 0x10, kBoth},     // time stamp counter
    AllowedMsrs{0x17, 0x17, kRead},     // platform id
    AllowedMsrs{0x1b, 0x1b, kBoth},     // base of the local APIC
    AllowedMsrs{0x3b, 0x3b, kBoth},     // TSC adjustment
    AllowedMsrs{0x48, 0x48, kBoth},     // speculation control
    AllowedMsrs{0x49, 0x49, kWrite},    // prediction barrier
    AllowedMsrs{0x8b, 0x8b, kBoth},     // microcode's revision; Linux writes 0 before it reads
    AllowedMsrs{0xce, 0xcf, kRead},     // platform information, core capabilities
    AllowedMsrs{0xe1, 0xe1, kBoth},     // UMWAIT
    AllowedMsrs{0xfe, 0xfe, kRead},     // MTRR capabilities
    AllowedMsrs{0x10a, 0x10a, kRead},   // architectural capabilities: mitigations not needed
    AllowedMsrs{0x10b, 0x10b, kWrite},  // L1 data cache flush
    AllowedMsrs{0x122, 0x122, kBoth},   // TSX control
    AllowedMsrs{0x140, 0x140, kBoth},   // CPUID faulting
    AllowedMsrs{0x174, 0x176, kBoth},   // SYSENTER
    AllowedMsrs{0x179, 0x179, kRead},   // machine checks: capabilities,
    AllowedMsrs{0x17a, 0x17b, kBoth},   // status and control,
    AllowedMsrs{0x280, 0x29f, kBoth},   // corrected errors,
    AllowedMsrs{0x400, 0x47f, kBoth},   // and 32 banks
    AllowedMsrs{0x1a0, 0x1a0, kBoth},   // miscellaneous enables
    AllowedMsrs{0x1c4, 0x1c5, kBoth},   // extended feature disable (AMX)
    AllowedMsrs{0x1cc, 0x1d4, kBoth},   // FRED
    AllowedMsrs{0x1d9, 0x1d9, kBoth},   // debug control: single steps by branch
    AllowedMsrs{0x1db, 0x1de, kRead},   // last branch
    AllowedMsrs{0x200, 0x20f, kBoth},   // MTRRs
    AllowedMsrs{0x250, 0x250, kBoth},
    AllowedMsrs{0x258, 0x259, kBoth},
    AllowedMsrs{0x268, 0x26f, kBoth},
    AllowedMsrs{0x277, 0x277, kBoth},  // page attributes
    AllowedMsrs{0x2ff, 0x2ff, kBoth},
    AllowedMsrs{0x6a0, 0x6a0, kBoth},  // shadow stacks
    AllowedMsrs{0x6a2, 0x6a2, kBoth},
    AllowedMsrs{0x6a4, 0x6a8, kBoth},
    AllowedMsrs{0x6e0, 0x6e0, kBoth},            // TSC deadline
    AllowedMsrs{0xda0, 0xda0, kBoth},            // supervisor states of XSAVE
    AllowedMsrs{0x4b564d00, 0x4b564d08, kBoth},  // KVM's clock, stolen time, async page faults
    AllowedMsrs{0xc0000080, 0xc0000084, kBoth},  // EFER, SYSCALL
    AllowedMsrs{0xc0000100, 0xc0000103, kBoth},  // FS, GS, TSC_AUX
    AllowedMsrs{0xc0010010, 0xc0010010, kRead},  // system configuration
    AllowedMsrs{0xc0010015, 0xc0010015, kBoth},  // hardware configuration
    AllowedMsrs{0xc001001a, 0xc001001a, kRead},  // top of memory
    AllowedMsrs{0xc001001d, 0xc001001d, kRead},
    AllowedMsrs{0xc0010055, 0xc0010055,
                kRead},  // interrupts pending: erratum 400 of old processors
    AllowedMsrs{0xc0010058, 0xc0010058, kRead},  // base of PCI configuration space
    AllowedMsrs{0xc001008b, 0xc001008b, kRead},  // microcode's patch level
    AllowedMsrs{0xc0010112, 0xc0010113, kRead},  // SMM's memory
    AllowedMsrs{0xc001011f, 0xc001011f, kBoth},  // virtual speculation control
    AllowedMsrs{0xc0010140, 0xc0010141, kRead},  // errata that the operating system may see
    AllowedMsrs{0xc0011029, 0xc0011029, kBoth},  // LFENCE that serializes

    AllowedMsrs{0x3a, 0x3a, kBoth, CpuFeature::kVmx},
    AllowedMsrs{0x480, 0x493, kRead, CpuFeature::kVmx},
    AllowedMsrs{0x3a, 0x3a, kBoth, CpuFeature::kSgx},
    AllowedMsrs{0x8c, 0x8f, kBoth, CpuFeature::kSgx},
    AllowedMsrs{0xc0000104, 0xc0000104, kBoth, CpuFeature::kSvm},
    AllowedMsrs{0xc0010114, 0xc0010114, kBoth, CpuFeature::kSvm},
    AllowedMsrs{0xc0010117, 0xc0010117, kBoth, CpuFeature::kSvm},
    AllowedMsrs{0xc1, 0xc8, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x186, 0x18d, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x1a6, 0x1a7, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x1c8, 0x1c9, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x309, 0x318, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x345, 0x345, kRead, CpuFeature::kPmu},
    AllowedMsrs{0x38d, 0x390, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x3f1, 0x3f2, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x4c1, 0x4c8, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x600, 0x600, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x680, 0x69f, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x6c0, 0x6df, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0x14ce, 0x14cf, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0xc0010000, 0xc0010007, kBoth, CpuFeature::kPmu},
    AllowedMsrs{0xc0010200, 0xc001020b, kBoth, CpuFeature::kPmu},
};

}  // namespace

std::span<const MsrWindow> msr_windows() noexcept {
  return kWindows;
}

bool is_msr_allowed(std::uint32_t index, MsrAccess access, const CpuFeatures& features) noexcept {
  const unsigned wanted = access == MsrAccess::kRead ? kRead : kWrite;
  return std::ranges::any_of(kAllowed, [&](const AllowedMsrs& each) {
    return index >= each.first && index <= each.last && (each.accesses & wanted) != 0 &&
           (!each.feature || features.has(*each.feature));
  });
}

}  // namespace bothy::arch

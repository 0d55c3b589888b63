// Leaf numbers and fields: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. Levels: x86-64
// psABI, 3.1.1.
#include "arch/cpu_baseline.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace bothy::arch {
namespace {

using Register = std::uint32_t kvm_cpuid_entry2::*;

constexpr Register kEbx = &kvm_cpuid_entry2::ebx;
constexpr Register kEcx = &kvm_cpuid_entry2::ecx;

constexpr std::uint32_t kXsaveLeaf = 0xd;

// Instructions of a level; those of lower levels are part of it.
struct LevelFeature {
  CpuBaseline level;
  std::uint32_t leaf;
  Register reg;
  unsigned bit;
  std::string_view name;
};
constexpr auto kV2 = CpuBaseline::kX86V2;
constexpr auto kV3 = CpuBaseline::kX86V3;
constexpr std::array kLevelFeatures{
    LevelFeature{kV2, 0x1, kEcx, 0, "sse3"},        LevelFeature{kV2, 0x1, kEcx, 9, "ssse3"},
    LevelFeature{kV2, 0x1, kEcx, 13, "cmpxchg16b"}, LevelFeature{kV2, 0x1, kEcx, 19, "sse4.1"},
    LevelFeature{kV2, 0x1, kEcx, 20, "sse4.2"},     LevelFeature{kV2, 0x1, kEcx, 23, "popcnt"},
    LevelFeature{kV2, 0x80000001, kEcx, 0, "lahf"}, LevelFeature{kV3, 0x1, kEcx, 12, "fma"},
    LevelFeature{kV3, 0x1, kEcx, 22, "movbe"},      LevelFeature{kV3, 0x1, kEcx, 26, "xsave"},
    LevelFeature{kV3, 0x1, kEcx, 28, "avx"},        LevelFeature{kV3, 0x1, kEcx, 29, "f16c"},
    LevelFeature{kV3, 0x7, kEbx, 3, "bmi1"},        LevelFeature{kV3, 0x7, kEbx, 5, "avx2"},
    LevelFeature{kV3, 0x7, kEbx, 8, "bmi2"},        LevelFeature{kV3, 0x80000001, kEcx, 5, "lzcnt"},
};

constexpr std::uint32_t bits(std::initializer_list<unsigned> numbers) noexcept {
  std::uint32_t mask = 0;
  for (const unsigned number : numbers) {
    mask |= 1U << number;
  }
  return mask;
}

// What a guest of any baseline sees of a leaf's registers, besides its level.
struct KeptBits {
  std::uint32_t leaf;
  std::uint32_t index;
  std::uint32_t eax, ebx, ecx, edx;
};
constexpr std::uint32_t kAll = ~0U;
// Leaves of features are listed; others (names, caches, addresses, topology, KVM's) stay whole.
constexpr std::array kKept{
    // monitor's and performance counters' bits are others' to clear; PCID, x2APIC, deadline timer,
    // OSXSAVE, RDRAND, hypervisor
    KeptBits{0x1, 0, kAll, kAll, bits({2, 3, 5, 15, 17, 21, 24, 27, 30, 31}), ~bits({22, 29, 31})},
    KeptBits{0x6, 0, bits({2}), 0, 0, 0},  // a local APIC timer that never stops
    // FSGSBASE, TSC adjustment, SGX, SMEP, ERMS, INVPCID, RDSEED, SMAP; UMIP, SGX; MD_CLEAR,
    // RTM_ALWAYS_ABORT, IBRS, STIBP, L1D_FLUSH, ARCH_CAPABILITIES, CORE_CAPABILITIES, SSBD
    KeptBits{0x7, 0, kAll, bits({0, 1, 2, 7, 9, 10, 18, 20}), bits({2, 30}),
             bits({10, 11, 26, 27, 28, 29, 30, 31})},
    KeptBits{0x7, 1, 0, 0, 0, 0},
    KeptBits{0x7, 2, 0, 0, 0, bits({0, 1, 2, 3, 4, 5})},  // branch history, data speculation
    KeptBits{0x14, 0, 0, 0, 0, 0},                        // processor trace
    KeptBits{0x14, 1, 0, 0, 0, 0},
    KeptBits{0x19, 0, 0, 0, 0, 0},  // key locker
    KeptBits{0x1d, 0, 0, 0, 0, 0},  // AMX
    KeptBits{0x1d, 1, 0, 0, 0, 0},
    KeptBits{0x1e, 0, 0, 0, 0, 0},
    KeptBits{0x1e, 1, 0, 0, 0, 0},
    KeptBits{0x24, 0, 0, 0, 0, 0},  // AVX10
    // CMP_LEGACY, SVM, extended APIC space, CR8, 3DNOWPREFETCH, OSVW, TOPOEXT, counters; all but
    // MMXEXT and 3DNOW
    KeptBits{0x80000001, 0, kAll, kAll, bits({1, 2, 3, 4, 8, 9, 22, 23, 24, 28}),
             ~bits({22, 30, 31})},
    KeptBits{0x80000007, 0, 0, 0, 0, bits({8})},  // invariant TSC
    // XSAVEERPTR, IBPB, IBRS, STIBP and their preferences, SSBD, PSFD, what isn't vulnerable
    KeptBits{0x80000008, 0, kAll, bits({2, 12, 14, 15, 16, 17, 18, 19, 24, 25, 26, 28, 29, 30}),
             kAll, kAll},
    KeptBits{0x8000001f, 0, 0, 0, 0, 0},  // encrypted memory
    // nested breakpoints, LFENCE, VERW, null selectors, automatic IBRS, return predictions
    KeptBits{0x80000021, 0, bits({0, 2, 5, 6, 8, 27, 28, 29, 30}), 0, bits({1, 2}), 0},
};

// x87, SSE and AVX, of which the first two are there without XSAVE.
constexpr std::uint32_t kAvxStates = 7;
constexpr std::uint32_t kAvxComponent = 2;
constexpr std::uint32_t kXsaveBytes = 512 + 64;
constexpr std::uint32_t kAvxBytes = 256;
// XSAVEOPT, XSAVEC, XGETBV of in-use states; no supervisor states.
constexpr std::uint32_t kXsaveVariants = 7;

// Leaf 0xd. KVM itself puts the size of what is turned on in ebx.
void keep_states(kvm_cpuid_entry2& entry, CpuBaseline baseline) noexcept {
  const bool has_avx = baseline >= kV3;
  if (has_avx && entry.index == 0) {
    entry.eax &= kAvxStates;
    entry.ecx = kXsaveBytes + kAvxBytes;
    entry.edx = 0;
  } else if (has_avx && entry.index == 1) {
    entry.eax &= kXsaveVariants;
    entry.ecx = 0;
    entry.edx = 0;
  } else if (!has_avx || entry.index != kAvxComponent) {
    entry.eax = entry.ebx = entry.ecx = entry.edx = 0;
  }
}

std::uint32_t level_bits(CpuBaseline baseline, std::uint32_t leaf, Register reg) noexcept {
  std::uint32_t mask = 0;
  for (const LevelFeature& each : kLevelFeatures) {
    mask |= each.level <= baseline && each.leaf == leaf && each.reg == reg ? 1U << each.bit : 0;
  }
  return mask;
}

}  // namespace

void apply_baseline(kvm_cpuid_entry2& entry, CpuBaseline baseline) noexcept {
  if (baseline == CpuBaseline::kHost) {
    return;
  }
  if (entry.function == kXsaveLeaf) {
    keep_states(entry, baseline);
    return;
  }
  for (const KeptBits& kept : kKept) {
    if (kept.leaf != entry.function || kept.index != entry.index) {
      continue;
    }
    // Subleaf 0 of a leaf has the level's bits.
    const auto level = [&](Register reg) {
      return entry.index == 0 ? level_bits(baseline, entry.function, reg) : 0;
    };
    entry.eax &= kept.eax;
    entry.ebx &= kept.ebx | level(kEbx);
    entry.ecx &= kept.ecx | level(kEcx);
    entry.edx &= kept.edx;
  }
}

Result<void> check_baseline(CpuBaseline baseline, std::span<const kvm_cpuid_entry2> supported) {
  for (const LevelFeature& each : kLevelFeatures) {
    const bool has = std::ranges::any_of(supported, [&](const kvm_cpuid_entry2& entry) {
      return entry.function == each.leaf && entry.index == 0 &&
             (entry.*each.reg & 1U << each.bit) != 0;
    });
    if (baseline != CpuBaseline::kHost && each.level <= baseline && !has) {
      return make_error(ErrorCode::kUnsupported,
                        "--cpu-features: this host's processor or KVM lacks '{}', which {} has",
                        each.name, name_of(baseline));
    }
  }
  return success();
}

}  // namespace bothy::arch

// Leaf numbers and fields: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
#include "arch/cpuid.h"

#include <algorithm>
#include <array>
#include <bit>

#include "arch/cpu_baseline.h"

namespace bothy::arch {
namespace {

constexpr std::uint32_t kLeafFeatures = 0x1;
constexpr std::uint32_t kLeafCaches = 0x4;
constexpr std::uint32_t kLeafTopology = 0xb;
constexpr std::uint32_t kLeafTopologyV2 = 0x1f;
constexpr std::uint32_t kLeafAmdFeatures = 0x80000001;
constexpr std::uint32_t kLeafAmdSizes = 0x80000008;
constexpr std::uint32_t kLeafAmdCaches = 0x8000001d;
constexpr std::uint32_t kLeafAmdTopology = 0x8000001e;

constexpr std::uint32_t kEcxMonitor = 1U << 3U;
constexpr std::uint32_t kEcxX2apic = 1U << 21U;
constexpr std::uint32_t kEcxTscDeadline = 1U << 24U;
constexpr std::uint32_t kEcxHypervisor = 1U << 31U;
constexpr std::uint32_t kEdxHtt = 1U << 28U;
constexpr std::uint32_t kAmdEcxCmpLegacy = 1U << 1U;

// One row per place in which CPUID reports a feature that can be turned off.
struct FeatureBits {
  CpuFeature feature;
  std::uint32_t leaf;
  std::uint32_t index;  // kEveryIndex: all subleaves
  std::uint32_t kvm_cpuid_entry2::*reg;
  std::uint32_t mask;
};

constexpr std::uint32_t kEveryIndex = ~0U;
constexpr std::uint32_t kWhole = ~0U;
constexpr auto kEax = &kvm_cpuid_entry2::eax;
constexpr auto kEbx = &kvm_cpuid_entry2::ebx;
constexpr auto kEcx = &kvm_cpuid_entry2::ecx;
constexpr auto kEdx = &kvm_cpuid_entry2::edx;

constexpr std::array kFeatureBits{
    FeatureBits{CpuFeature::kVmx, 0x1, 0, kEcx, 1U << 5U},
    FeatureBits{CpuFeature::kSvm, 0x80000001, 0, kEcx, 1U << 2U},
    FeatureBits{CpuFeature::kSvm, 0x8000000a, 0, kEax, kWhole},
    FeatureBits{CpuFeature::kSvm, 0x8000000a, 0, kEbx, kWhole},
    FeatureBits{CpuFeature::kSvm, 0x8000000a, 0, kEcx, kWhole},
    FeatureBits{CpuFeature::kSvm, 0x8000000a, 0, kEdx, kWhole},
    // Intel: architectural performance monitoring, its capability MSR, the debug store.
    FeatureBits{CpuFeature::kPmu, 0xa, 0, kEax, kWhole},
    FeatureBits{CpuFeature::kPmu, 0xa, 0, kEbx, kWhole},
    FeatureBits{CpuFeature::kPmu, 0xa, 0, kEcx, kWhole},
    FeatureBits{CpuFeature::kPmu, 0xa, 0, kEdx, kWhole},
    FeatureBits{CpuFeature::kPmu, 0x1, 0, kEcx, 1U << 2U | 1U << 15U},  // DTES64, PDCM
    FeatureBits{CpuFeature::kPmu, 0x1, 0, kEdx, 1U << 21U},             // DS
    // AMD: the extended counters of core, northbridge and last-level cache; PerfMonV2.
    FeatureBits{CpuFeature::kPmu, 0x80000001, 0, kEcx, 1U << 23U | 1U << 24U | 1U << 28U},
    FeatureBits{CpuFeature::kPmu, 0x80000022, 0, kEax, kWhole},
    FeatureBits{CpuFeature::kPmu, 0x80000022, 0, kEbx, kWhole},
    FeatureBits{CpuFeature::kSgx, 0x7, 0, kEbx, 1U << 2U},
    FeatureBits{CpuFeature::kSgx, 0x7, 0, kEcx, 1U << 30U},  // launch configuration
    FeatureBits{CpuFeature::kSgx, 0x12, kEveryIndex, kEax, kWhole},
    FeatureBits{CpuFeature::kSgx, 0x12, kEveryIndex, kEbx, kWhole},
    FeatureBits{CpuFeature::kSgx, 0x12, kEveryIndex, kEcx, kWhole},
    FeatureBits{CpuFeature::kSgx, 0x12, kEveryIndex, kEdx, kWhole},
};

bool describes(const FeatureBits& bits, const kvm_cpuid_entry2& entry) noexcept {
  return bits.leaf == entry.function && (bits.index == kEveryIndex || bits.index == entry.index);
}

void clear_disabled(kvm_cpuid_entry2& entry, const CpuFeatures& features) noexcept {
  for (const FeatureBits& bits : kFeatureBits) {
    if (!features.has(bits.feature) && describes(bits, entry)) {
      entry.*bits.reg &= ~bits.mask;
    }
  }
}

// True when KVM supports the feature, by either vendor's bits.
bool supports(std::span<const kvm_cpuid_entry2> supported, CpuFeature feature) noexcept {
  return std::ranges::any_of(kFeatureBits, [&](const FeatureBits& bits) {
    return bits.feature == feature &&
           std::ranges::any_of(supported, [&](const kvm_cpuid_entry2& entry) {
             return describes(bits, entry) && (entry.*bits.reg & bits.mask) != 0;
           });
  });
}

struct Topology {
  std::uint32_t index;
  std::uint32_t count;
  std::uint32_t shift;  // bits of the APIC id that number the cores of the socket
};

void set_bit(std::uint32_t& reg, std::uint32_t bit, bool value) {
  reg = value ? (reg | bit) : (reg & ~bit);
}

void set_field(std::uint32_t& reg, std::uint32_t first, std::uint32_t width, std::uint32_t value) {
  const std::uint32_t mask = ((1U << width) - 1U) << first;
  reg = (reg & ~mask) | ((value << first) & mask);
}

void set_features(kvm_cpuid_entry2& entry, const Topology& topology, bool tsc_deadline) {
  set_field(entry.ebx, 24, 8, topology.index);
  set_field(entry.ebx, 16, 8, 1U << topology.shift);
  set_bit(entry.edx, kEdxHtt, topology.count > 1);
  set_bit(entry.ecx, kEcxHypervisor, true);
  set_bit(entry.ecx, kEcxX2apic, true);
  set_bit(entry.ecx, kEcxTscDeadline, tsc_deadline);
  // MWAIT in a guest would exit or spin; HLT is how a vCPU rests.
  set_bit(entry.ecx, kEcxMonitor, false);
}

// Levels 1 and 2 belong to one core (of one thread), levels above to the whole socket.
void set_cache_sharing(kvm_cpuid_entry2& entry, const Topology& topology, bool intel) {
  const std::uint32_t level = (entry.eax >> 5U) & 0x7U;
  if ((entry.eax & 0x1fU) == 0) {
    return;
  }
  set_field(entry.eax, 14, 12, level <= 2 ? 0 : (1U << topology.shift) - 1);
  if (intel) {
    set_field(entry.eax, 26, 6, (1U << topology.shift) - 1);
  }
}

// Extended topology: level 0 is the thread (one to a core), level 1 the core, then an empty level.
void append_topology(std::vector<kvm_cpuid_entry2>& entries, std::uint32_t leaf,
                     const Topology& topology) {
  struct Level {
    std::uint32_t shift, count, type;
  };
  const Level levels[] = {{0, 1, 1}, {topology.shift, topology.count, 2}, {0, 0, 0}};
  for (std::uint32_t i = 0; i < std::size(levels); ++i) {
    kvm_cpuid_entry2 entry{};
    entry.function = leaf;
    entry.index = i;
    entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    entry.eax = levels[i].shift;
    entry.ebx = levels[i].count;
    entry.ecx = i | (levels[i].type << 8U);
    entry.edx = topology.index;
    entries.push_back(entry);
  }
}

void set_amd_topology(kvm_cpuid_entry2& entry, const Topology& topology) {
  entry.eax = topology.index;
  entry.ebx = topology.index & 0xffU;  // core id; threads per core, less one, is zero
  entry.ecx = 0;                       // node 0 of one
  entry.edx = 0;
}

}  // namespace

Result<void> check_supported(const CpuFeatures& features,
                             std::span<const kvm_cpuid_entry2> supported) {
  for (const CpuFeatureName& entry : cpu_feature_names()) {
    if (features.has(entry.feature) && !supports(supported, entry.feature)) {
      return make_error(ErrorCode::kUnsupported,
                        "--cpu-features: KVM on this host does not support '{}' in guests",
                        entry.name);
    }
  }
  return check_baseline(features.baseline(), supported);
}

unsigned physical_address_bits(std::span<const kvm_cpuid_entry2> supported) noexcept {
  for (const kvm_cpuid_entry2& entry : supported) {
    if (entry.function == kLeafAmdSizes) {
      return entry.eax & 0xffU;
    }
  }
  return 36;  // what a processor without the leaf has
}

std::vector<kvm_cpuid_entry2> guest_cpuid(std::span<const kvm_cpuid_entry2> supported,
                                          const CpuidRequest& request) {
  const Topology topology{request.index, request.count,
                          static_cast<std::uint32_t>(std::bit_width(request.count - 1))};
  std::vector<kvm_cpuid_entry2> entries;
  entries.reserve(supported.size() + 6);
  std::uint32_t highest = 0;
  bool has_v2 = false;
  for (kvm_cpuid_entry2 entry : supported) {
    clear_disabled(entry, request.features);
    apply_baseline(entry, request.features.baseline());
    switch (entry.function) {
      case 0:
        highest = entry.eax;
        break;
      case kLeafFeatures:
        set_features(entry, topology, request.tsc_deadline);
        break;
      case kLeafCaches:
        set_cache_sharing(entry, topology, true);
        break;
      case kLeafTopology:
        continue;  // made anew below
      case kLeafTopologyV2:
        has_v2 = true;
        continue;
      case kLeafAmdFeatures:
        set_bit(entry.ecx, kAmdEcxCmpLegacy, request.count > 1);
        break;
      case kLeafAmdSizes:
        set_field(entry.ecx, 0, 8, request.count - 1);
        set_field(entry.ecx, 12, 4, topology.shift);
        break;
      case kLeafAmdCaches:
        set_cache_sharing(entry, topology, false);
        break;
      case kLeafAmdTopology:
        set_amd_topology(entry, topology);
        break;
      default:
        break;
    }
    entries.push_back(entry);
  }
  if (highest >= kLeafTopology) {
    append_topology(entries, kLeafTopology, topology);
  }
  if (has_v2) {
    append_topology(entries, kLeafTopologyV2, topology);
  }
  return entries;
}

}  // namespace bothy::arch

#include "arch/cpu_baseline.h"

#include <vector>

#include "arch/cpuid.h"
#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

// A host that has everything.
std::vector<kvm_cpuid_entry2> full_host() {
  std::vector<kvm_cpuid_entry2> entries;
  struct Leaf {
    std::uint32_t function;
    std::uint32_t index;
  };
  for (const Leaf& leaf :
       {Leaf{0x1, 0}, Leaf{0x6, 0}, Leaf{0x7, 0}, Leaf{0x7, 1}, Leaf{0x7, 2}, Leaf{0xd, 0},
        Leaf{0xd, 1}, Leaf{0xd, 2}, Leaf{0xd, 5}, Leaf{0x14, 0}, Leaf{0x1d, 1}, Leaf{0x40000001, 0},
        Leaf{0x80000001, 0}, Leaf{0x80000002, 0}, Leaf{0x80000008, 0}, Leaf{0x80000021, 0}}) {
    kvm_cpuid_entry2 entry{};
    entry.function = leaf.function;
    entry.index = leaf.index;
    entry.eax = entry.ebx = entry.ecx = entry.edx = ~0U;
    entries.push_back(entry);
  }
  return entries;
}

kvm_cpuid_entry2 shown(std::uint32_t function, std::uint32_t index, CpuBaseline baseline) {
  for (kvm_cpuid_entry2 entry : full_host()) {
    if (entry.function == function && entry.index == index) {
      apply_baseline(entry, baseline);
      return entry;
    }
  }
  FAIL("no such leaf");
  return {};
}

bool has(std::uint32_t reg, unsigned bit) {
  return (reg & 1U << bit) != 0;
}

}  // namespace

TEST_CASE("The host's baseline is the host") {
  for (const kvm_cpuid_entry2& each : full_host()) {
    CHECK(shown(each.function, each.index, CpuBaseline::kHost).ecx == ~0U);
  }
}

TEST_CASE("A baseline has the instructions of its level alone") {
  const auto level2 = shown(0x1, 0, CpuBaseline::kX86V2);
  const auto level3 = shown(0x1, 0, CpuBaseline::kX86V3);
  for (const unsigned bit : {0U, 9U, 13U, 19U, 20U, 23U}) {  // SSE3 to POPCNT
    CHECK(has(level2.ecx, bit));
    CHECK(has(level3.ecx, bit));
  }
  for (const unsigned bit : {12U, 22U, 26U, 28U, 29U}) {  // FMA, MOVBE, XSAVE, AVX, F16C
    CHECK_FALSE(has(level2.ecx, bit));
    CHECK(has(level3.ecx, bit));
  }
  CHECK_FALSE(has(level3.ecx, 1));   // PCLMULQDQ
  CHECK_FALSE(has(level3.ecx, 25));  // AES
  CHECK(has(level2.ecx, 21));        // x2APIC
  CHECK(has(level2.ecx, 30));        // RDRAND
  CHECK(has(level2.edx, 25));        // SSE
  const auto more = shown(0x7, 0, CpuBaseline::kX86V3);
  CHECK(has(more.ebx, 5));         // AVX2
  CHECK_FALSE(has(more.ebx, 16));  // AVX-512
  CHECK_FALSE(has(more.ecx, 3));   // protection keys
  CHECK_FALSE(has(shown(0x7, 0, CpuBaseline::kX86V2).ebx, 5));
  CHECK(shown(0x7, 1, CpuBaseline::kX86V3).eax == 0);
  CHECK(has(shown(0x80000001, 0, CpuBaseline::kX86V2).ecx, 0));
  CHECK_FALSE(has(shown(0x80000001, 0, CpuBaseline::kX86V2).ecx, 5));
  CHECK(has(shown(0x80000001, 0, CpuBaseline::kX86V3).ecx, 5));  // LZCNT
  CHECK(shown(0x14, 0, CpuBaseline::kX86V3).eax == 0);
  CHECK(shown(0x1d, 1, CpuBaseline::kX86V3).ebx == 0);
}

TEST_CASE("A baseline keeps protection, mitigations, the hypervisor's leaves and names") {
  const auto features = shown(0x7, 0, CpuBaseline::kX86V2);
  for (const unsigned bit : {7U, 20U}) {  // SMEP, SMAP
    CHECK(has(features.ebx, bit));
  }
  for (const unsigned bit : {10U, 26U, 27U, 29U, 31U}) {  // MD_CLEAR, IBRS, STIBP, ...
    CHECK(has(features.edx, bit));
  }
  CHECK(has(shown(0x80000008, 0, CpuBaseline::kX86V2).ebx, 12));  // IBPB
  CHECK(shown(0x80000008, 0, CpuBaseline::kX86V2).eax == ~0U);    // widths of addresses
  CHECK(shown(0x40000001, 0, CpuBaseline::kX86V2).eax == ~0U);
  CHECK(shown(0x80000002, 0, CpuBaseline::kX86V2).eax == ~0U);
}

TEST_CASE("The states that XSAVE saves are those of the baseline") {
  CHECK(shown(0xd, 0, CpuBaseline::kX86V2).eax == 0);
  const auto states = shown(0xd, 0, CpuBaseline::kX86V3);
  CHECK(states.eax == 7);
  CHECK(states.ecx == 832);  // legacy area, header, upper halves of 16 registers
  CHECK(shown(0xd, 1, CpuBaseline::kX86V3).eax == 7);
  CHECK(shown(0xd, 1, CpuBaseline::kX86V3).ecx == 0);
  CHECK(shown(0xd, 2, CpuBaseline::kX86V3).eax == ~0U);
  CHECK(shown(0xd, 5, CpuBaseline::kX86V3).eax == 0);
}

TEST_CASE("A host that lacks an instruction of a baseline is told which") {
  auto host = full_host();
  CHECK(check_baseline(CpuBaseline::kX86V3, host).has_value());
  host[0].ecx &= ~(1U << 28U);
  CHECK(check_baseline(CpuBaseline::kX86V2, host).has_value());
  CHECK(check_baseline(CpuBaseline::kHost, {}).has_value());
  const auto checked = check_supported(CpuFeatures::parse("x86-64-v3").value(), host);
  REQUIRE(checked.has_error());
  CHECK(checked.error().code == ErrorCode::kUnsupported);
  CHECK(checked.error().context.find("lacks 'avx', which x86-64-v3 has") != std::string::npos);
}

TEST_CASE("Optional features may be added to a baseline") {
  const auto features = CpuFeatures::parse("x86-64-v2,+svm,+pmu").value();
  const auto entries = guest_cpuid(full_host(), {0, 1, true, features});
  for (const kvm_cpuid_entry2& entry : entries) {
    if (entry.function == 0x80000001) {
      CHECK(has(entry.ecx, 2));   // SVM
      CHECK(has(entry.ecx, 23));  // counters
      CHECK_FALSE(has(entry.ecx, 5));
    }
  }
}

}  // namespace bothy::arch

#include "arch/cpuid.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

kvm_cpuid_entry2 leaf(std::uint32_t function, std::uint32_t index = 0) {
  kvm_cpuid_entry2 entry{};
  entry.function = function;
  entry.index = index;
  return entry;
}

// A host processor with every leaf that matters, filled with what must not reach the guest.
std::vector<kvm_cpuid_entry2> host_cpuid() {
  auto basic = leaf(0);
  basic.eax = 0x1f;
  auto features = leaf(1);
  features.ebx = 0xff400800;  // the host's APIC id and thread count
  features.ecx = (1U << 3U);  // MONITOR
  auto l1 = leaf(4, 0);
  l1.eax = 0xfc000121;  // data cache, level 1, shared as on the host
  auto l3 = leaf(4, 3);
  l3.eax = 0xfc000163;
  auto caches_end = leaf(4, 4);
  auto amd_sizes = leaf(0x80000008);
  amd_sizes.eax = 0x3030;
  amd_sizes.ecx = 0x703f;
  auto amd_topology = leaf(0x8000001e);
  amd_topology.eax = 0x55;
  amd_topology.ebx = 0x1ff;
  return {basic,        features,      l1,
          l3,           caches_end,    leaf(0xb, 0),
          leaf(0xb, 1), leaf(0x1f, 0), leaf(0x80000001),
          amd_sizes,    amd_topology};
}

const kvm_cpuid_entry2& find(const std::vector<kvm_cpuid_entry2>& entries, std::uint32_t function,
                             std::uint32_t index = 0) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
    return entry.function == function && entry.index == index;
  });
  REQUIRE(found != entries.end());
  return *found;
}

std::uint32_t field(std::uint32_t value, unsigned first, unsigned width) {
  return (value >> first) & ((1U << width) - 1U);
}

}  // namespace

TEST_CASE("Intel's leaves identify the vCPU and its socket") {
  const auto entries = guest_cpuid(host_cpuid(), {5, 6, true, {}});
  const auto& features = find(entries, 1);
  CHECK(field(features.ebx, 24, 8) == 5);  // APIC id
  CHECK(field(features.ebx, 16, 8) == 8);  // ids that the socket takes up
  CHECK(field(features.ebx, 8, 8) == 8);   // CLFLUSH size stays the host's
  CHECK(field(features.edx, 28, 1) == 1);  // HTT: more than one
  CHECK(field(features.ecx, 31, 1) == 1);  // hypervisor
  CHECK(field(features.ecx, 24, 1) == 1);  // TSC deadline
  CHECK(field(features.ecx, 21, 1) == 1);  // x2APIC
  CHECK(field(features.ecx, 3, 1) == 0);   // no MONITOR

  for (const std::uint32_t function : {0xbU, 0x1fU}) {
    const auto& thread = find(entries, function, 0);
    CHECK(thread.eax == 0);
    CHECK(thread.ebx == 1);
    CHECK(field(thread.ecx, 8, 8) == 1);
    const auto& core = find(entries, function, 1);
    CHECK(core.eax == 3);
    CHECK(core.ebx == 6);
    CHECK(field(core.ecx, 8, 8) == 2);
    CHECK(core.edx == 5);
    CHECK(find(entries, function, 2).ebx == 0);
  }
}

TEST_CASE("Small caches belong to one core, the last level is shared") {
  const auto entries = guest_cpuid(host_cpuid(), {0, 4, false, {}});
  CHECK(field(find(entries, 4, 0).eax, 14, 12) == 0);
  CHECK(field(find(entries, 4, 0).eax, 26, 6) == 3);
  CHECK(field(find(entries, 4, 3).eax, 14, 12) == 3);
  CHECK(find(entries, 4, 4).eax == 0);
}

TEST_CASE("AMD's leaves identify the vCPU") {
  const auto entries = guest_cpuid(host_cpuid(), {2, 4, false, {}});
  const auto& sizes = find(entries, 0x80000008);
  CHECK(sizes.eax == 0x3030);
  CHECK(field(sizes.ecx, 0, 8) == 3);
  CHECK(field(sizes.ecx, 12, 4) == 2);
  CHECK(field(find(entries, 0x80000001).ecx, 1, 1) == 1);
  CHECK(find(entries, 0x8000001e).eax == 2);
  CHECK(find(entries, 0x8000001e).ebx == 2);
  CHECK(physical_address_bits(host_cpuid()) == 0x30);
}

TEST_CASE("CPUID of a single vCPU reports no siblings") {
  const auto entries = guest_cpuid(host_cpuid(), {0, 1, false, {}});
  CHECK(field(find(entries, 1).edx, 28, 1) == 0);
  CHECK(field(find(entries, 1).ecx, 24, 1) == 0);
  CHECK(find(entries, 0xb, 1).eax == 0);
  CHECK(find(entries, 0xb, 1).ebx == 1);
  CHECK(field(find(entries, 0x80000001).ecx, 1, 1) == 0);
}

namespace {

// A host with every optional feature, of both vendors.
std::vector<kvm_cpuid_entry2> host_with_optional_features() {
  const auto filled = [](std::uint32_t function, std::uint32_t index = 0) {
    auto entry = leaf(function, index);
    entry.eax = entry.ebx = entry.ecx = entry.edx = ~0U;
    return entry;
  };
  return {filled(1),          filled(7),          filled(0xa),
          filled(0x12, 0),    filled(0x12, 1),    filled(0x12, 2),
          filled(0x80000001), filled(0x8000000a), filled(0x80000022)};
}

bool is_zero(const kvm_cpuid_entry2& entry) {
  return (entry.eax | entry.ebx | entry.ecx | entry.edx) == 0;
}

}  // namespace

TEST_CASE("Nested virtualization, PMU and SGX are hidden by default") {
  const auto entries = guest_cpuid(host_with_optional_features(), {0, 2, false, {}});
  const auto& basic = find(entries, 1);
  CHECK(field(basic.ecx, 5, 1) == 0);   // VMX
  CHECK(field(basic.ecx, 15, 1) == 0);  // PDCM
  CHECK(field(basic.ecx, 0, 1) == 1);   // SSE3 stays
  const auto& extended = find(entries, 0x80000001);
  CHECK(field(extended.ecx, 2, 1) == 0);   // SVM
  CHECK(field(extended.ecx, 23, 2) == 0);  // performance counters: core and northbridge
  CHECK(field(extended.ecx, 28, 1) == 0);  // and last-level cache
  CHECK(field(extended.ecx, 0, 1) == 1);   // LAHF stays
  CHECK(is_zero(find(entries, 0x8000000a)));
  CHECK(is_zero(find(entries, 0xa)));
  CHECK(find(entries, 0x80000022).eax == 0);
  const auto& structured = find(entries, 7);
  CHECK(field(structured.ebx, 2, 1) == 0);   // SGX
  CHECK(field(structured.ecx, 30, 1) == 0);  // SGX_LC
  CHECK(structured.eax == ~0U);
  for (const std::uint32_t index : {0U, 1U, 2U}) {
    CHECK(is_zero(find(entries, 0x12, index)));
  }
}

TEST_CASE("Optional features are shown on request, each by itself") {
  const auto host = host_with_optional_features();
  const auto nested = CpuFeatures::parse("+vmx,+svm").value();
  const auto entries = guest_cpuid(host, {0, 2, false, nested});
  CHECK(field(find(entries, 1).ecx, 5, 1) == 1);
  CHECK(field(find(entries, 0x80000001).ecx, 2, 1) == 1);
  CHECK(find(entries, 0x8000000a).edx == ~0U);
  CHECK(is_zero(find(entries, 0xa)));
  CHECK(is_zero(find(entries, 0x12)));

  const auto counters = guest_cpuid(host, {0, 2, false, CpuFeatures::parse("+pmu").value()});
  CHECK(find(counters, 0xa).eax == ~0U);
  CHECK(field(find(counters, 0x80000001).ecx, 23, 2) == 3);
  CHECK(field(find(counters, 1).ecx, 5, 1) == 0);
  CHECK(check_supported(CpuFeatures::parse("+vmx,+svm,+pmu,+sgx").value(), host).has_value());
}

TEST_CASE("A feature that KVM does not support can't be turned on") {
  CHECK(check_supported({}, host_cpuid()).has_value());
  const auto result = check_supported(CpuFeatures::parse("+sgx").value(), host_cpuid());
  REQUIRE(result.has_error());
  CHECK(result.error().code == ErrorCode::kUnsupported);
  CHECK(result.error().context.find("'sgx'") != std::string::npos);
}

}  // namespace bothy::arch

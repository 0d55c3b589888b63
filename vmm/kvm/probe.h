// What guests can expect of this host's KVM: for `bothy doctor`, and to explain a failed boot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vmm/kvm/kvm.h"

namespace bothy {

// The interface that /dev/kvm reports.
struct KvmInterface {
  int api_version = 0;
  std::vector<std::string_view> missing;  // of arch::required_capabilities()
  int max_vcpus = 0;
};

// Fails when the file can't be opened or is not the KVM device.
[[nodiscard]] Result<KvmInterface> probe_kvm_interface(const char* path = "/dev/kvm");

// The result of running a small guest.
struct GuestExecution {
  std::uint64_t instructions_per_second = 0;
  bool vector_instructions = false;  // false: KVM can't execute them
};

// Slower guests than this are emulated, one instruction after the other: an emulator inside KVM
// does one to two million a second, while hardware does billions, and a thousand times less than
// that remains when it is itself emulated by QEMU or shared with many others.
inline constexpr std::uint64_t kEmulatedBelow = 10'000'000;

[[nodiscard]] constexpr bool is_emulated(const GuestExecution& execution) noexcept {
  return !execution.vector_instructions || execution.instructions_per_second < kEmulatedBelow;
}

// Runs a guest for some 50 ms, three times that on a slow host. Starts threads and waits for them:
// a KVM_RUN that never returns blocks this call, so a caller that must not block runs the probe in
// a process of its own.
[[nodiscard]] Result<GuestExecution> probe_guest_execution(const Kvm& kvm);

}  // namespace bothy

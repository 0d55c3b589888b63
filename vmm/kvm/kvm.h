// Kvm: the host's /dev/kvm, opened and found good enough. With Vm and Vcpu the only code that
// issues KVM ioctls.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// A KVM capability that a machine can't do without.
struct RequiredCapability {
  int capability;
  std::string_view name;
};
[[nodiscard]] std::span<const RequiredCapability> required_capabilities() noexcept;

// Move-only. All functions may be called from any thread.
class Kvm {
 public:
  // Opens `path`, checks the API version (12, stable since Linux 2.6.22) and
  // required_capabilities(). kNotFound, kPermission and kUnsupported errors name the remedy.
  [[nodiscard]] static Result<Kvm> open(const char* path = "/dev/kvm");

  // KVM_CHECK_EXTENSION: 0 when absent, otherwise a value that depends on the capability.
  [[nodiscard]] int check(int capability) const noexcept;
  // What KVM can show a guest of the host's processor (KVM_GET_SUPPORTED_CPUID).
  [[nodiscard]] Result<std::vector<kvm_cpuid_entry2>> supported_cpuid() const;
  [[nodiscard]] std::size_t vcpu_mapping_size() const noexcept { return vcpu_mapping_size_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  Kvm(UniqueFd fd, std::size_t vcpu_mapping_size) noexcept
      : fd_(std::move(fd)), vcpu_mapping_size_(vcpu_mapping_size) {}

  UniqueFd fd_;
  std::size_t vcpu_mapping_size_;
};

}  // namespace bothy

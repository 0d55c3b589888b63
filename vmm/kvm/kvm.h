// Kvm: the host's /dev/kvm, opened and checked. Only this room and arch/kvm issue KVM ioctls.
#pragma once

#include <linux/kvm.h>

#include <cstddef>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Move-only. All functions may be called from any thread.
class Kvm {
 public:
  // Opens `path`, checks the API version (12, stable since Linux 2.6.22) and
  // arch::required_capabilities(). kPermission and kUnsupported errors name the remedy.
  [[nodiscard]] static Result<Kvm> open(const char* path = "/dev/kvm");

  // KVM_CHECK_EXTENSION: 0 when absent, otherwise a value that depends on the capability.
  [[nodiscard]] int check(int capability) const noexcept;
  [[nodiscard]] std::size_t vcpu_mapping_size() const noexcept { return vcpu_mapping_size_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  Kvm(UniqueFd fd, std::size_t vcpu_mapping_size) noexcept
      : fd_(std::move(fd)), vcpu_mapping_size_(vcpu_mapping_size) {}

  UniqueFd fd_;
  std::size_t vcpu_mapping_size_;
};

}  // namespace bothy

#include "vmm/kvm/kvm.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>

#include "vmm/kvm/list_ioctl.h"

namespace bothy {
namespace {

constexpr std::array kRequired{
    RequiredCapability{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    RequiredCapability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    RequiredCapability{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    RequiredCapability{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    RequiredCapability{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    RequiredCapability{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    RequiredCapability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

Error open_error(const char* path, int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return make_error(
          ErrorCode::kUnsupported,
          "there is no {}: load the kvm module of this processor (modprobe kvm-amd or "
          "kvm-intel), or turn virtualization on in the firmware",
          path);
    case EACCES:
    case EPERM:
      return make_error(
          ErrorCode::kPermission,
          "no permission to use {}: join its group (usermod -aG kvm USER, then log in "
          "again) or run as root",
          path);
    default:
      return errno_error(fmt::format("can't open {}", path), error_number);
  }
}

}  // namespace

std::span<const RequiredCapability> required_capabilities() noexcept {
  return kRequired;
}

Result<Kvm> Kvm::open(const char* path) {
  UniqueFd fd(::open(path, O_RDWR | O_CLOEXEC));
  if (!fd) {
    return open_error(path, errno);
  }
  const int version = ::ioctl(fd.get(), KVM_GET_API_VERSION, 0);
  if (version < 0) {
    return make_error(ErrorCode::kUnsupported, "{} is not the KVM device", path);
  }
  if (version != KVM_API_VERSION) {
    return make_error(ErrorCode::kUnsupported, "{} speaks KVM API version {}; bothy needs {}", path,
                      version, KVM_API_VERSION);
  }
  const int mapping_size = ::ioctl(fd.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (mapping_size < static_cast<int>(sizeof(kvm_run))) {
    return make_error(ErrorCode::kUnsupported, "{} gives no usable vCPU mapping", path);
  }
  Kvm kvm(std::move(fd), static_cast<std::size_t>(mapping_size));
  for (const RequiredCapability& required : kRequired) {
    if (kvm.check(required.capability) <= 0) {
      return make_error(ErrorCode::kUnsupported, "this host's KVM lacks {}: a newer kernel has it",
                        required.name);
    }
  }
  return kvm;
}

int Kvm::check(int capability) const noexcept {
  const int value = ::ioctl(fd_.get(), KVM_CHECK_EXTENSION, capability);
  return value < 0 ? 0 : value;
}

Result<std::vector<kvm_cpuid_entry2>> Kvm::supported_cpuid() const {
  // KVM_MAX_CPUID_ENTRIES is 256 in every kernel so far; E2BIG asks for more.
  for (std::size_t room = 256; room <= 4096; room *= 2) {
    KvmList<kvm_cpuid_entry2> cpuid(room);
    if (::ioctl(fd_.get(), kGetSupportedCpuid, cpuid.data()) == 0) {
      return cpuid.entries();
    }
    if (errno != E2BIG) {
      break;
    }
  }
  return errno_error("KVM doesn't say which CPUID it supports");
}

}  // namespace bothy

#include "vmm/kvm/kvm.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "arch/kvm/capabilities.h"

namespace bothy {
namespace {

Error open_error(const char* path, int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return make_error(
          ErrorCode::kUnsupported,
          "there is no {}: load the kvm module of this processor (modprobe {}), or turn "
          "virtualization on in the firmware",
          path, arch::kKvmModules);
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
    return make_error(ErrorCode::kUnsupported, "{} has KVM API version {}: bothy needs version {}",
                      path, version, KVM_API_VERSION);
  }
  const int mapping_size = ::ioctl(fd.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (mapping_size < static_cast<int>(sizeof(kvm_run))) {
    return make_error(ErrorCode::kUnsupported, "{} gives no usable vCPU mapping", path);
  }
  Kvm kvm(std::move(fd), static_cast<std::size_t>(mapping_size));
  for (const arch::RequiredCapability& required : arch::required_capabilities()) {
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

}  // namespace bothy

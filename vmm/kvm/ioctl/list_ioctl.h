// ioctls of KVM whose argument is a header followed by a list.
//
// The kernel's headers declare those lists as flexible arrays inside an empty struct, which is zero
// bytes long in C and one in C++: sizeof(kvm_cpuid2), and with it the ioctl's number, comes out
// wrong. Hence the plain header.
#pragma once

#include <linux/kvm.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace bothy {

struct KvmListHeader {
  std::uint32_t count;
  std::uint32_t padding;
};

// clang-format off
inline constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, KvmListHeader);
inline constexpr unsigned long kSetGsiRouting     = _IOW(KVMIO, 0x6a, KvmListHeader);
inline constexpr unsigned long kSetMsrs           = _IOW(KVMIO, 0x89, KvmListHeader);
inline constexpr unsigned long kSetCpuid2         = _IOW(KVMIO, 0x90, KvmListHeader);
// clang-format on

// A header with room for a list of T, laid out as the kernel wants it.
template <class T>
class KvmList {
 public:
  explicit KvmList(std::size_t count)
      : bytes_(sizeof(KvmListHeader) + count * sizeof(T)), capacity_(count) {
    set_count(count);
  }
  explicit KvmList(std::span<const T> entries) : KvmList(entries.size()) {
    std::memcpy(bytes_.data() + sizeof(KvmListHeader), entries.data(), entries.size_bytes());
  }

  [[nodiscard]] void* data() noexcept { return bytes_.data(); }

  // The entries that the kernel has filled in.
  [[nodiscard]] std::vector<T> entries() const {
    KvmListHeader header{};
    std::memcpy(&header, bytes_.data(), sizeof(header));
    std::vector<T> result(std::min<std::size_t>(header.count, capacity_));
    std::memcpy(result.data(), bytes_.data() + sizeof(KvmListHeader), result.size() * sizeof(T));
    return result;
  }

 private:
  void set_count(std::size_t count) noexcept {
    const KvmListHeader header{static_cast<std::uint32_t>(count), 0};
    std::memcpy(bytes_.data(), &header, sizeof(header));
  }

  std::vector<std::byte> bytes_;
  std::size_t capacity_;
};

}  // namespace bothy

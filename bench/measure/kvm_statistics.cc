#include "bench/measure/kvm_statistics.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/files.h"
#include "base/unique_fd.h"

namespace bothy::bench {
namespace {

constexpr std::uint32_t kMostDescriptors = 4096;

bool read_at(int fd, void* into, std::size_t size, std::uint64_t offset) {
  return ::pread(fd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

// Adds the scalar statistics of one vCPU.
Result<void> add_statistics(int fd, std::map<std::string, std::uint64_t>& sums) {
  kvm_stats_header header{};
  if (!read_at(fd, &header, sizeof header, 0) || header.num_desc > kMostDescriptors ||
      header.name_size > 256) {
    return make_error(ErrorCode::kSystem, "can't read KVM's statistics");
  }
  const std::size_t step = sizeof(kvm_stats_desc) + header.name_size;
  std::vector<std::byte> block(step);
  for (std::uint32_t i = 0; i < header.num_desc; ++i) {
    if (!read_at(fd, block.data(), step, header.desc_offset + i * step)) {
      return make_error(ErrorCode::kSystem, "can't read a description of KVM's statistics");
    }
    kvm_stats_desc description;
    std::memcpy(&description, block.data(), sizeof description);
    const char* text = reinterpret_cast<const char*>(block.data() + sizeof description);
    const std::string name(text, ::strnlen(text, header.name_size));
    std::uint64_t value = 0;
    const bool counts = (description.flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE;
    if (counts && description.size == 1 &&
        read_at(fd, &value, sizeof value, header.data_offset + description.offset)) {
      sums[name] += value;
    }
  }
  return success();
}

std::vector<int> vcpu_descriptors(pid_t pid) {
  std::vector<int> found;
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  const auto names = list_directory(directory);
  for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
    std::array<char, 64> target{};
    const ssize_t length =
        ::readlink((directory + "/" + name).c_str(), target.data(), target.size() - 1);
    int number = -1;
    if (length > 0 && std::string_view(target.data()).starts_with("anon_inode:kvm-vcpu") &&
        std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc()) {
      found.push_back(number);
    }
  }
  return found;
}

}  // namespace

Result<std::map<std::string, std::uint64_t>> kvm_statistics(const std::vector<pid_t>& processes) {
  std::map<std::string, std::uint64_t> sums;
  bool any = false;
  for (const pid_t pid : processes) {
    const std::vector<int> numbers = vcpu_descriptors(pid);
    const UniqueFd process(numbers.empty() ? -1
                                           : static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    for (const int number : numbers) {
      const UniqueFd vcpu(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
      if (!vcpu) {
        return errno_error("can't reach a vCPU of process " + std::to_string(pid));
      }
      const UniqueFd statistics(::ioctl(vcpu.get(), KVM_GET_STATS_FD, nullptr));
      if (!statistics) {
        return make_error(ErrorCode::kUnsupported, "this kernel's KVM has no statistics to read");
      }
      BOTHY_TRY(add_statistics(statistics.get(), sums));
      any = true;
    }
  }
  if (!any) {
    return make_error(ErrorCode::kNotFound, "no process has a vCPU");
  }
  return sums;
}

}  // namespace bothy::bench

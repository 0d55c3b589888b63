// A kernel file of any bytes, loaded whole: ELF, bzImage, and what is packed in them.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz.h"
#include "vmm/boot/boot.h"

namespace {

using bothy::GuestMemory;
using bothy::MemoryRange;
using bothy::UniqueFd;
using bothy::boot::BootEntry;
using bothy::boot::BootRequest;
using bothy::fuzz::check;

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::string_view kInitrd = "070701 archive";

UniqueFd file_of(const void* data, std::size_t size) {
  UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  check(fd.get() >= 0 && ::write(fd.get(), data, size) == static_cast<ssize_t>(size));
  return fd;
}

std::string path_of(const UniqueFd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

void check_entry(const BootEntry& entry, const GuestMemory& memory) {
  const MemoryRange& kernel = entry.kernel;
  check(kernel.start >= kMiB && memory.contains(kernel.start, kernel.size));
  check(entry.cpu.address >= kernel.start && entry.cpu.address < kernel.end());
  check(memory.contains(entry.cpu.boot_info, 1));
  check(memory.contains(entry.initrd.start, entry.initrd.size));
  check(entry.initrd.start >= kernel.end());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const UniqueFd initrd = file_of(kInitrd.data(), kInitrd.size());
  const UniqueFd kernel = file_of(data, size);
  BootRequest request;
  request.kernel = path_of(kernel);
  request.initrds = {path_of(initrd)};
  request.options.unpack_limit = 8 * kMiB;
  for (const bool unpack : {true, false}) {
    request.options.unpack = unpack;
    const std::array ranges{MemoryRange{0, 24 * kMiB}};
    auto memory = GuestMemory::create(ranges, bothy::MemoryBacking::kAnonymous);
    check(memory.has_value());
    const auto entry = bothy::boot::load(request, memory.value());
    if (entry) {
      check_entry(entry.value(), memory.value());
    } else {
      check(!entry.error().context.empty());
      check(entry.error().context.find('\n') == std::string::npos);
    }
  }
  return 0;
}

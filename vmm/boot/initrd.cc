#include "vmm/boot/initrd.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "arch/layout.h"
#include "arch/memory_map.h"
#include "vmm/boot/image/content.h"
#include "vmm/boot/image/huge_pages.h"
#include "vmm/boot/image/image_file.h"

namespace bothy::boot {
namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kCpioAlignment = 4;

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

double mebibytes(std::uint64_t bytes) noexcept {
  return static_cast<double>(bytes) / static_cast<double>(layout::kMiB);
}

// Rejects what is easily mistaken for an initrd. Other data may be a file system's image.
Result<void> check_content(const ImageFile& file) {
  BOTHY_TRY(const std::vector<std::byte> head, file.head(kContentHead));
  const Content content = detect_content(head);
  switch (content) {
    case Content::kElf:
    case Content::kBzImage:
    case Content::kArm64Image:
    case Content::kText:
      return make_error(ErrorCode::kBadInput,
                        "{} is {}, not an initrd; give a cpio archive, compressed or not",
                        file.name(), describe(content));
    case Content::kCpioOld:
      return make_error(
          ErrorCode::kBadInput,
          "{} is {}, which kernels can't unpack; create the archive with cpio -H newc", file.name(),
          describe(content));
    default:
      return success();
  }
}

Error does_not_fit(std::uint64_t size, const InitrdRoom& room, std::uint64_t available,
                   const GuestMemory& memory) {
  const std::uint64_t needed = align_up(room.kernel_end, kPageSize) + align_up(size, kPageSize);
  if (needed > std::min(room.end, layout::kMmioHoleStart)) {
    return make_error(ErrorCode::kExhausted,
                      "the initrd doesn't fit: it has {:.1f} MiB, and there is room for {:.1f} MiB "
                      "where this kernel can reach it; make it smaller",
                      mebibytes(size), mebibytes(available));
  }
  return make_error(ErrorCode::kExhausted,
                    "the initrd doesn't fit into the guest's {} MiB of memory: it has {:.1f} MiB, "
                    "and there is room for {:.1f} MiB above the kernel; use --memory with at "
                    "least {} MiB",
                    memory.size() / layout::kMiB, mebibytes(size), mebibytes(available),
                    align_up(needed, layout::kMiB) / layout::kMiB);
}

}  // namespace

Result<MemoryRange> load_initrd(std::span<const std::string> paths, const InitrdRoom& room,
                                GuestMemory& memory) {
  if (paths.empty()) {
    return MemoryRange{};
  }
  std::vector<ImageFile> files;
  std::uint64_t size = 0;
  for (const std::string& path : paths) {
    BOTHY_TRY(ImageFile file, ImageFile::open(path, "initrd"));
    BOTHY_TRY(check_content(file));
    // A sparse file may claim exabytes: no sum may wrap before it is found too big.
    const std::uint64_t limit = layout::kMmioHoleStart;
    size = std::min(limit, align_up(size, kCpioAlignment)) + std::min(limit, file.size());
    files.push_back(std::move(file));
  }
  const GuestAddress bottom = align_up(room.kernel_end, kPageSize);
  const GuestAddress top = std::min(arch::low_ram_end(memory), room.end) & ~(kPageSize - 1);
  const std::uint64_t available = top > bottom ? top - bottom : 0;
  if (align_up(size, kPageSize) > available) {
    return does_not_fit(size, room, available, memory);
  }
  const GuestAddress start = top - align_up(size, kPageSize);
  advise_huge_pages(memory, {start, size});
  GuestAddress at = start;
  for (const ImageFile& file : files) {
    at = align_up(at, kCpioAlignment);
    BOTHY_TRY(file.read(0, *memory.slice(at, file.size())));
    at += file.size();
  }
  return MemoryRange{start, size};
}

}  // namespace bothy::boot

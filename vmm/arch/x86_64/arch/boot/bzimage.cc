#include "arch/boot/bzimage.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstddef>
#include <string_view>

#include "arch/layout.h"
#include "arch/memory_map.h"
#include "vmm/boot/image/huge_pages.h"

namespace bothy::boot {
namespace {

constexpr std::size_t kHeaderOffset = 0x1f1;
constexpr std::size_t kJumpTarget = 0x202;  // the jump at 0x200 counts from here
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kParagraph = 16;
// Kernels from 2.06 (2.6.22) on give their limit for the command line.
constexpr std::uint16_t kOldestProtocol = 0x206;
constexpr std::size_t kMaxVersion = 128;

Error damaged(const ImageFile& file, std::string_view what) {
  return make_error(ErrorCode::kBadInput,
                    "{} is damaged: its bzImage header {}; get the file again", file.name(), what);
}

// boot.rst, "64-bit Boot Protocol": the header ends where the jump at 0x200 leads to. What lies
// past that is the kernel's code, not header.
Result<setup_header> read_header(const ImageFile& file, Bytes head) {
  const auto jump = load_at<std::uint8_t>(head, kJumpTarget - 1);
  const auto version =
      load_at<std::uint16_t>(head, kHeaderOffset + offsetof(setup_header, version));
  if (!jump || !version || kJumpTarget + *jump > head.size()) {
    return make_error(ErrorCode::kBadInput, "{} is truncated: it ends within its bzImage header",
                      file.name());
  }
  if (*version < kOldestProtocol) {
    return make_error(ErrorCode::kBadInput,
                      "{} uses boot protocol {}.{:02}: at least 2.06 (Linux 2.6.22) is required",
                      file.name(), *version >> 8U, *version & 0xffU);
  }
  setup_header header{};
  const std::size_t size = std::min(kJumpTarget + *jump - kHeaderOffset, sizeof(header));
  std::memcpy(&header, head.data() + kHeaderOffset, size);
  if (size < offsetof(setup_header, hardware_subarch)) {
    return damaged(file, "is too short for its protocol version");
  }
  return header;
}

// boot.rst, "kernel_version": a string in the real-mode part, 0x200 less than its offset. Its
// first word is the release.
std::string read_version(const ImageFile& file, const setup_header& header,
                         std::uint64_t setup_size) {
  const std::uint64_t offset = header.kernel_version + std::uint64_t{0x200};
  if (header.kernel_version == 0 || offset + 1 >= setup_size) {
    return "";
  }
  std::string text(
      static_cast<std::size_t>(std::min<std::uint64_t>(kMaxVersion, setup_size - offset)), '\0');
  if (!file.read(offset, std::as_writable_bytes(std::span(text)))) {
    return "";
  }
  const auto end =
      std::find_if(text.begin(), text.end(), [](unsigned char c) { return std::isgraph(c) == 0; });
  text.erase(end, text.end());
  return text;
}

Result<void> find_payload(const ImageFile& file, BzImage& image) {
  const std::uint64_t offset = image.header.payload_offset;
  const std::uint64_t length = image.header.payload_length;
  if (image.header.version < 0x208 || length == 0) {
    return success();
  }
  if (offset > image.code_size || length > image.code_size - offset) {
    return damaged(file, "places the compressed kernel outside the file");
  }
  image.payload = image.code + offset;
  image.payload_size = length;
  return success();
}

// boot.rst, "init_size": the kernel runs at pref_address, or above it, aligned, when it is loaded
// there; loaded lower it moves itself up. So pref_address is the place for it.
Result<void> find_load_address(const ImageFile& file, BzImage& image) {
  const setup_header& header = image.header;
  image.load_address = layout::kHighMemory;
  image.run_size = image.code_size;
  if (header.version >= 0x20a) {
    image.load_address = header.pref_address;
    image.run_size = std::max<std::uint64_t>(image.code_size, header.init_size);
  }
  if (header.relocatable_kernel != 0) {
    const std::uint64_t alignment = header.kernel_alignment;
    if (!std::has_single_bit(alignment)) {
      return damaged(file, "has an alignment that is not a power of two");
    }
    if (image.load_address < layout::kMmioHoleStart) {
      image.load_address = (image.load_address + alignment - 1) & ~(alignment - 1);
    }
  }
  if (image.load_address < layout::kHighMemory) {
    return damaged(file, "has a load address below 1 MiB");
  }
  if (image.load_address > layout::kMmioHoleStart ||
      image.run_size > layout::kMmioHoleStart - image.load_address) {
    return damaged(file, fmt::format("requires {} bytes at {:#x}, outside any guest's low memory",
                                     image.run_size, image.load_address));
  }
  return success();
}

}  // namespace

Result<BzImage> read_bzimage(const ImageFile& file, Bytes head) {
  BzImage image;
  BOTHY_TRY(image.header, read_header(file, head));
  const setup_header& header = image.header;
  if ((header.loadflags & LOADED_HIGH) == 0) {
    return make_error(ErrorCode::kBadInput, "{} is a zImage: a bzImage is required", file.name());
  }
  // boot.rst, "setup_sects": 0 stands for 4; the boot sector comes on top.
  image.code = ((header.setup_sects == 0 ? 4U : header.setup_sects) + 1U) * kSector;
  image.code_size = header.syssize * kParagraph;
  if (image.code_size == 0) {
    return damaged(file, "has a kernel of size 0");
  }
  if (image.code >= file.size()) {
    return make_error(ErrorCode::kBadInput, "{} is truncated: it ends before the kernel begins",
                      file.name());
  }
  // syssize counts whole paragraphs, so the last may go past the end. A signature may follow.
  const std::uint64_t present = file.size() - image.code;
  if (image.code_size >= present + kParagraph) {
    return make_error(ErrorCode::kBadInput,
                      "{} is truncated: it has {} bytes instead of {}; get the file again",
                      file.name(), file.size(), image.code + image.code_size);
  }
  image.code_size = std::min(image.code_size, present);
  image.entry64 = header.version >= 0x20c && (header.xloadflags & XLF_KERNEL_64) != 0;
  image.version = read_version(file, header, image.code);
  BOTHY_TRY(find_payload(file, image));
  BOTHY_TRY(find_load_address(file, image));
  return image;
}

Result<void> load_bzimage(const ImageFile& file, const BzImage& image, GuestMemory& memory) {
  const GuestAddress end = image.load_address + image.run_size;
  if (end > arch::low_ram_end(memory)) {
    return make_error(
        ErrorCode::kExhausted,
        "{} doesn't fit into the guest's {} MiB of memory: it needs {} MiB from {:#x} "
        "on to unpack itself; use --memory with at least {} MiB",
        file.name(), memory.size() / layout::kMiB,
        (image.run_size + layout::kMiB - 1) / layout::kMiB, image.load_address,
        (end + layout::kMiB - 1) / layout::kMiB);
  }
  advise_huge_pages(memory, {image.load_address, image.code_size});
  return file.read(image.code, *memory.slice(image.load_address, image.code_size));
}

}  // namespace bothy::boot

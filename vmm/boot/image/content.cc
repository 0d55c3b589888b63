#include "vmm/boot/image/content.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace bothy::boot {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  Content content;
};

constexpr std::array kMagics{
    Magic{0,
          "\x7f"
          "ELF"sv,
          Content::kElf},
    // The setup header's magic (boot.rst, "Details of Header Fields"). Ahead of the others: a
    // kernel with an EFI stub begins like a PE file.
    Magic{0x202, "HdrS"sv, Content::kBzImage},
    // Documentation/arch/arm64/booting.rst, "Call the kernel image".
    Magic{56, "ARM\x64"sv, Content::kArm64Image},
    // The kernel knows both gzip magics (lib/decompress.c).
    Magic{0, "\x1f\x8b"sv, Content::kGzip},
    Magic{0, "\x1f\x9e"sv, Content::kGzip},
    Magic{0,
          "\xfd"
          "7zXZ\0"sv,
          Content::kXz},
    Magic{0, "\x5d\0\0"sv, Content::kLzma},
    Magic{0, "BZh"sv, Content::kBzip2},
    // Legacy frames, as the kernel's build writes them, and the frames of today's lz4 program.
    Magic{0, "\x02\x21\x4c\x18"sv, Content::kLz4},
    Magic{0, "\x04\x22\x4d\x18"sv, Content::kLz4},
    Magic{0, "\x28\xb5\x2f\xfd"sv, Content::kZstd},
    Magic{0, "\x89LZO"sv, Content::kLzop},
    Magic{0, "070701"sv, Content::kCpio},
    Magic{0, "070702"sv, Content::kCpio},
    Magic{0, "070707"sv, Content::kCpioOld},
};

bool has_magic(Bytes head, const Magic& magic) noexcept {
  return head.size() >= magic.offset + magic.bytes.size() &&
         std::memcmp(head.data() + magic.offset, magic.bytes.data(), magic.bytes.size()) == 0;
}

bool is_text(Bytes head) noexcept {
  return std::all_of(head.begin(), head.end(), [](std::byte byte) {
    const auto c = std::to_integer<std::uint8_t>(byte);
    return (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t' || c == '\f' ||
           c == 0x1b;
  });
}

}  // namespace

Content detect_content(Bytes head) noexcept {
  for (const Magic& magic : kMagics) {
    if (has_magic(head, magic)) {
      return magic.content;
    }
  }
  return is_text(head) ? Content::kText : Content::kUnknown;
}

std::string_view describe(Content content) noexcept {
  switch (content) {
    case Content::kElf:
      return "an ELF file";
    case Content::kBzImage:
      return "an x86 Linux kernel (bzImage)";
    case Content::kArm64Image:
      return "an arm64 Linux kernel (Image)";
    case Content::kGzip:
      return "a gzip file";
    case Content::kXz:
      return "an xz file";
    case Content::kLzma:
      return "an lzma file";
    case Content::kBzip2:
      return "a bzip2 file";
    case Content::kLz4:
      return "an lz4 file";
    case Content::kZstd:
      return "a zstd file";
    case Content::kLzop:
      return "an lzop file";
    case Content::kCpio:
      return "a cpio archive";
    case Content::kCpioOld:
      return "a cpio archive of the old format";
    case Content::kText:
      return "a text file";
    case Content::kUnknown:
      return "data of an unknown type";
  }
  return "";
}

std::string_view compression_name(Content content) noexcept {
  switch (content) {
    case Content::kGzip:
      return "gzip";
    case Content::kXz:
      return "xz";
    case Content::kLzma:
      return "lzma";
    case Content::kBzip2:
      return "bzip2";
    case Content::kLz4:
      return "lz4";
    case Content::kZstd:
      return "zstd";
    case Content::kLzop:
      return "lzop";
    default:
      return "";
  }
}

}  // namespace bothy::boot

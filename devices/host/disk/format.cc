#include "devices/host/disk/format.h"

#include <array>

namespace bothy {
namespace {

enum class Where { kHead, kTail };

struct Mark {
  DiskFormat format;
  Where where;
  std::size_t offset;
  std::string_view bytes;
};

using std::string_view_literals::operator""sv;

constexpr std::array kMarks{
    Mark{{"qcow", "qcow version 1"}, Where::kHead, 0, "QFI\xfb\0\0\0\1"sv},
    Mark{{"qcow2", "qcow2"}, Where::kHead, 0, "QFI\xfb"sv},  // versions 2 and 3
    Mark{{"qed", "QED"}, Where::kHead, 0, "QED\0"sv},
    Mark{{"vhdx", "VHDX"}, Where::kHead, 0, "vhdxfile"sv},
    Mark{{"vmdk", "VMDK"}, Where::kHead, 0, "KDMV"sv},                   // sparse extent
    Mark{{"vmdk", "VMDK"}, Where::kHead, 0, "COWD"sv},                   // ESX 2 sparse extent
    Mark{{"vmdk", "VMDK"}, Where::kHead, 0, "# Disk DescriptorFile"sv},  // text naming extents
    Mark{{"vdi", "VDI"}, Where::kHead, 0x40, "\x7f\x10\xda\xbe"sv},
    Mark{{"parallels", "Parallels"}, Where::kHead, 0, "WithoutFreeSpace"sv},
    Mark{{"parallels", "Parallels"}, Where::kHead, 0, "WithouFreSpacExt"sv},
    // A dynamic VHD has a copy of its footer in front; a fixed one only the footer.
    Mark{{"vpc", "VHD"}, Where::kHead, 0, "conectix"sv},
    Mark{{"vpc", "VHD"}, Where::kTail, 0, "conectix"sv},
};

std::string_view text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

const DiskFormat* recognise_disk_format(std::span<const std::byte> head,
                                        std::span<const std::byte> tail) noexcept {
  for (const Mark& mark : kMarks) {
    const std::string_view in = text(mark.where == Where::kHead ? head : tail);
    if (in.size() >= mark.offset + mark.bytes.size() &&
        in.substr(mark.offset, mark.bytes.size()) == mark.bytes) {
      return &mark.format;
    }
  }
  return nullptr;
}

}  // namespace bothy

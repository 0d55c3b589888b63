#include "image/import/disk_magic.h"

#include <array>
#include <cstring>

namespace bothy::image {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  DiskFormat format;
};

constexpr std::array<Magic, 14> kMagics{{
    {0, "QFI\xfb"sv, {"qcow2", false}},
    {0, "KDMV"sv, {"vmdk", false}},
    {0, "COWD"sv, {"vmdk", false}},
    {0, "vhdxfile"sv, {"vhdx", false}},
    {0, "conectix"sv, {"vpc", false}},
    {64, "\x7f\x10\xda\xbe"sv, {"vdi", false}},
    {0, "QED\0"sv, {"qed", false}},
    {0x438, "\x53\xef"sv, {"ext4", true}},
    {1024, "\xe2\xe1\xf5\xe0"sv, {"erofs", true}},
    {0, "hsqs"sv, {"squashfs", true}},
    {0, "XFSB"sv, {"xfs", true}},
    {0x10040, "_BHRfS_M"sv, {"btrfs", true}},
    {32769, "CD001"sv, {"iso9660", true}},
    {512, "EFI PART"sv, {"a GPT partition table", true}},
}};

// The signature of a boot sector is two bytes, so its partition table is checked too.
bool has_mbr(Bytes head) noexcept {
  if (head.size() < 512 || head[510] != std::byte{0x55} || head[511] != std::byte{0xaa}) {
    return false;
  }
  bool used = false;
  for (std::size_t at = 446; at < 510; at += 16) {
    if (head[at] != std::byte{0} && head[at] != std::byte{0x80}) {
      return false;
    }
    used = used || head[at + 4] != std::byte{0};
  }
  return used;
}

}  // namespace

std::optional<DiskFormat> detect_disk(Bytes head) noexcept {
  for (const Magic& magic : kMagics) {
    if (head.size() >= magic.offset + magic.bytes.size() &&
        std::memcmp(head.data() + magic.offset, magic.bytes.data(), magic.bytes.size()) == 0) {
      return magic.format;
    }
  }
  if (has_mbr(head)) {
    return DiskFormat{"a partition table", true};
  }
  return std::nullopt;
}

}  // namespace bothy::image

// The part of erofs's on-disk format that bothy writes, as Linux has it since 5.4 (fs/erofs/
// erofs_fs.h and Documentation/filesystems/erofs.rst): uncompressed, in blocks of 4 KiB,
// little-endian as this host is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace bothy::image::erofs {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::size_t kBlockBits = 12;
inline constexpr std::size_t kBlock = 1U << kBlockBits;
inline constexpr std::size_t kSuperblockOffset = 1024;
inline constexpr std::uint32_t kMagic = 0xe0f5e1e2;
// An inode's number is its position in the metadata area, in units of a slot.
inline constexpr std::size_t kSlot = 32;
inline constexpr std::uint32_t kMaxBlock = 0xfffffffe;

inline constexpr std::uint32_t kCompatChecksum = 1;  // the superblock has a checksum
inline constexpr std::uint32_t kCompatMtime = 2;     // inodes have times of modification

struct Superblock {
  std::uint32_t magic;
  std::uint32_t checksum;
  std::uint32_t feature_compat;
  std::uint8_t block_bits;
  std::uint8_t extension_slots;
  std::uint16_t root_nid;
  std::uint64_t inodes;
  std::uint64_t build_time;
  std::uint32_t build_time_nsec;
  std::uint32_t blocks;
  std::uint32_t meta_block;
  std::uint32_t xattr_block;
  std::uint8_t uuid[16];
  std::uint8_t volume_name[16];
  std::uint32_t feature_incompat;
  std::uint8_t reserved[44];
};
static_assert(sizeof(Superblock) == 128);

// i_format: bit 0 is set for extended inodes; the bits above say where the content is.
inline constexpr std::uint16_t kPlain = 0U << 1U | 1U;   // in blocks of its own
inline constexpr std::uint16_t kInline = 2U << 1U | 1U;  // the last part behind the inode

struct ExtendedInode {
  std::uint16_t format;
  std::uint16_t xattr_count;  // 0: none; else the body has 12 + 4 * (count - 1) bytes
  std::uint16_t mode;
  std::uint16_t reserved;
  std::uint64_t size;
  std::uint32_t block_or_device;
  std::uint32_t number;
  std::uint32_t uid;
  std::uint32_t gid;
  std::int64_t mtime;
  std::uint32_t mtime_nsec;
  std::uint32_t links;
  std::uint8_t reserved2[16];
};
static_assert(sizeof(ExtendedInode) == 64);

struct XattrHeader {
  std::uint32_t reserved;
  std::uint8_t shared_count;
  std::uint8_t reserved2[7];
};
static_assert(sizeof(XattrHeader) == 12);

struct XattrEntry {
  std::uint8_t name_length;
  std::uint8_t name_index;  // the prefix, which the name then lacks
  std::uint16_t value_size;
};
static_assert(sizeof(XattrEntry) == 4);

#pragma pack(push, 1)
struct DirectoryEntry {
  std::uint64_t nid;
  std::uint16_t name_offset;  // in the block
  std::uint8_t file_type;
  std::uint8_t reserved;
};
#pragma pack(pop)
static_assert(sizeof(DirectoryEntry) == 12);

enum : std::uint8_t {
  kRegular = 1,
  kDirectory,
  kCharacter,
  kBlockDevice,
  kFifo,
  kSocket,
  kSymlink
};

}  // namespace bothy::image::erofs

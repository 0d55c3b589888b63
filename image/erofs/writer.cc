#include "image/erofs/writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "image/erofs/directory.h"
#include "image/erofs/layout.h"

namespace bothy::image {
namespace {

using erofs::kBlock;

constexpr std::size_t kBufferSize = 1U << 20U;
// Smaller gaps are written as zeros: cheaper than another write.
constexpr std::uint64_t kMinHole = 1U << 16U;
// The root comes after this offset, so that no inode has number 0.
constexpr std::uint64_t kFirstInode = 64;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

template <class T>
Bytes bytes_of(const T& value) noexcept {
  return std::as_bytes(std::span(&value, 1));
}

std::uint16_t mode_of(const Inode& inode) noexcept {
  constexpr std::array<unsigned, 6> kTypes{S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO};
  return static_cast<std::uint16_t>(kTypes[static_cast<std::size_t>(inode.type)] |
                                    (inode.attributes.permissions & 07777U));
}

std::uint8_t file_type_of(const Inode& inode) noexcept {
  constexpr std::array<std::uint8_t, 6> kTypes{erofs::kRegular,     erofs::kDirectory,
                                               erofs::kSymlink,     erofs::kCharacter,
                                               erofs::kBlockDevice, erofs::kFifo};
  return kTypes[static_cast<std::size_t>(inode.type)];
}

// The encoding of the kernel's new_encode_dev().
std::uint32_t device_of(const Inode& inode) noexcept {
  return (inode.minor & 0xffU) | inode.major << 8U | (inode.minor & ~0xffU) << 12U;
}

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, Bytes bytes) noexcept {
  for (const std::byte byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
  }
  return crc;
}

// Places every inode, then writes them in the same order.
class ErofsWriter::Metadata {
 public:
  Metadata(ErofsWriter& writer, const FileTree& tree)
      : writer_(writer), tree_(tree), nids_(tree.number_limit()), blocks_(tree.number_limit()) {}

  Result<void> place() { return visit(FileTree::kRoot, &Metadata::place_one); }

  // Writes directories and link targets that don't fit behind their inodes, in blocks of their own.
  Result<void> write_directories() { return visit(FileTree::kRoot, &Metadata::write_directory); }

  Result<void> write_inodes(std::uint64_t start) {
    start_ = start;
    return visit(FileTree::kRoot, &Metadata::write_one);
  }

  [[nodiscard]] std::uint16_t root() const {
    return static_cast<std::uint16_t>(nids_[FileTree::kRoot]);
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  using Action = Result<void> (Metadata::*)(InodeNumber);

  // Visits a directory, then its entries, then those of its subdirectories; each inode once.
  // NOLINTNEXTLINE(misc-no-recursion): a tree is at most FileTree::kMaxDepth deep
  Result<void> visit(InodeNumber number, Action action) {
    if (number == FileTree::kRoot) {
      seen_.assign(tree_.number_limit(), false);
      BOTHY_TRY((this->*action)(number));
    }
    const auto& entries = tree_.inode(number).directory->entries;
    for (const auto& [name, entry] : entries) {
      if (!seen_[entry.inode]) {
        seen_[entry.inode] = true;
        BOTHY_TRY((this->*action)(entry.inode));
      }
    }
    for (const auto& [name, entry] : entries) {
      if (tree_.inode(entry.inode).directory) {
        BOTHY_TRY(visit(entry.inode, action));
      }
    }
    return success();
  }

  [[nodiscard]] std::string pack(InodeNumber number) const {
    const Directory& directory = *tree_.inode(number).directory;
    std::vector<erofs::NamedInode> names;
    names.reserve(directory.entries.size() + 2);
    names.push_back({".", nids_[number], erofs::kDirectory});
    names.push_back({"..", nids_[directory.parent], erofs::kDirectory});
    for (const auto& [name, entry] : directory.entries) {
      names.push_back({name, nids_[entry.inode], file_type_of(tree_.inode(entry.inode))});
    }
    // Some names sort before "." and "..".
    std::sort(names.begin(), names.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return erofs::pack_directory(names);
  }

  // Content placed right behind the inode and its attributes: a symlink's target, a small
  // directory.
  [[nodiscard]] std::string tail(InodeNumber number, std::size_t before) const {
    const Inode& inode = tree_.inode(number);
    std::string content;
    if (inode.type == FileType::kSymlink) {
      content = inode.target;
    } else if (inode.directory) {
      content = pack(number);
    }
    return before + content.size() <= kBlock ? content : std::string();
  }

  Result<void> place_one(InodeNumber number) {
    const Inode& inode = tree_.inode(number);
    BOTHY_TRY(const std::string attributes, erofs::pack_attributes(inode.attributes.xattrs));
    const std::size_t before = sizeof(erofs::ExtendedInode) + attributes.size();
    const std::size_t content = tail(number, before).size();
    // The content behind an inode may not cross the end of a block. Nor does an inode, for the sake
    // of simple readers.
    const std::size_t together = content > 0 ? before + content : sizeof(erofs::ExtendedInode);
    if (end_ % kBlock + together > kBlock) {
      end_ = round_up(end_, kBlock);
    }
    nids_[number] = end_ / erofs::kSlot;
    end_ = round_up(end_ + before + content, erofs::kSlot);
    count_ += 1;
    return success();
  }

  Result<void> write_directory(InodeNumber number) {
    const Inode& inode = tree_.inode(number);
    std::string content;
    if (inode.directory) {
      content = pack(number);
    } else if (inode.type == FileType::kSymlink) {
      content = inode.target;
    }
    BOTHY_TRY(const std::string attributes, erofs::pack_attributes(inode.attributes.xattrs));
    if (sizeof(erofs::ExtendedInode) + attributes.size() + content.size() <= kBlock) {
      return success();
    }
    BOTHY_TRY(const std::uint64_t block, writer_.begin(content.size()));
    blocks_[number] = static_cast<std::uint32_t>(block);
    BOTHY_TRY(writer_.write(0, std::as_bytes(std::span(content))));
    return writer_.end();
  }

  Result<void> write_one(InodeNumber number) {
    const Inode& inode = tree_.inode(number);
    BOTHY_TRY(const std::string attributes, erofs::pack_attributes(inode.attributes.xattrs));
    const std::size_t before = sizeof(erofs::ExtendedInode) + attributes.size();
    const std::string content = tail(number, before);
    erofs::ExtendedInode disk{};
    disk.format = content.empty() ? erofs::kPlain : erofs::kInline;
    disk.xattr_count = static_cast<std::uint16_t>(
        attributes.empty() ? 0 : (attributes.size() - sizeof(erofs::XattrHeader)) / 4 + 1);
    disk.mode = mode_of(inode);
    disk.size = size_of(number, content);
    disk.block_or_device = place_of(number);
    disk.number = ++written_;
    disk.uid = inode.attributes.uid;
    disk.gid = inode.attributes.gid;
    disk.mtime = inode.attributes.mtime.seconds;
    disk.mtime_nsec = inode.attributes.mtime.nanoseconds;
    disk.links = inode.directory ? links_of(*inode.directory) : inode.links;
    BOTHY_TRY(writer_.extend_to(start_ + nids_[number] * erofs::kSlot));
    BOTHY_TRY(writer_.append(bytes_of(disk)));
    BOTHY_TRY(writer_.append(std::as_bytes(std::span(attributes))));
    return writer_.append(std::as_bytes(std::span(content)));
  }

  [[nodiscard]] std::uint64_t size_of(InodeNumber number, const std::string& content) const {
    const Inode& inode = tree_.inode(number);
    if (inode.type == FileType::kRegular) {
      return inode.size;
    }
    if (!content.empty()) {
      return content.size();
    }
    return inode.directory ? pack(number).size() : inode.target.size();
  }

  [[nodiscard]] std::uint32_t place_of(InodeNumber number) const {
    const Inode& inode = tree_.inode(number);
    switch (inode.type) {
      case FileType::kRegular:
        return static_cast<std::uint32_t>(inode.place);
      case FileType::kCharacter:
      case FileType::kBlock:
        return device_of(inode);
      default:
        return blocks_[number];
    }
  }

  // The directory's name, its ".", and the ".." of each subdirectory.
  [[nodiscard]] std::uint32_t links_of(const Directory& directory) const {
    std::uint32_t links = 2;
    for (const auto& [name, entry] : directory.entries) {
      links += tree_.inode(entry.inode).directory ? 1 : 0;
    }
    return links;
  }

  ErofsWriter& writer_;
  const FileTree& tree_;
  std::vector<std::uint64_t> nids_;
  std::vector<std::uint32_t> blocks_;
  std::vector<bool> seen_;
  std::uint64_t end_ = kFirstInode;
  std::uint64_t start_ = 0;
  std::uint64_t count_ = 0;
  std::uint32_t written_ = 0;
};

ErofsWriter::ErofsWriter(int fd, std::string path) : fd_(fd), path_(std::move(path)) {
  buffer_.reserve(kBufferSize + kBlock);
  buffer_.resize(kBlock);  // the superblock's, written last
}

Result<void> ErofsWriter::flush() {
  BOTHY_TRY(write_all_at(fd_, buffer_, flushed_, path_));
  flushed_ += buffer_.size();
  buffer_.clear();
  return success();
}

Result<void> ErofsWriter::append(Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t part = std::min(bytes.size(), kBufferSize);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(part));
    bytes = bytes.subspan(part);
    if (buffer_.size() >= kBufferSize) {
      BOTHY_TRY(flush());
    }
  }
  return success();
}

// Appends zeros up to `offset`, as a hole when it is large enough.
Result<void> ErofsWriter::extend_to(std::uint64_t offset) {
  const std::uint64_t end = flushed_ + buffer_.size();
  if (offset - end >= kMinHole) {
    BOTHY_TRY(flush());
    flushed_ = offset;
    return success();
  }
  buffer_.resize(buffer_.size() + (offset - end));
  return success();
}

Result<std::uint64_t> ErofsWriter::begin(std::uint64_t size) {
  file_start_ = flushed_ + buffer_.size();
  file_size_ = size;
  if (size / kBlock + file_start_ / kBlock + 1 > erofs::kMaxBlock) {
    return make_error(ErrorCode::kBadInput, "the disk exceeds 16 TiB, the limit of erofs");
  }
  return file_start_ / kBlock;
}

Result<void> ErofsWriter::write(std::uint64_t offset, Bytes bytes) {
  BOTHY_TRY(extend_to(file_start_ + offset));
  return append(bytes);
}

Result<void> ErofsWriter::end() {
  return extend_to(round_up(file_start_ + file_size_, kBlock));
}

void ErofsWriter::discard(const Inode& inode) {
  if (inode.size > 0) {
    discarded_.push_back({inode.place * kBlock, round_up(inode.size, kBlock)});
  }
}

Result<void> ErofsWriter::punch_discarded() {
  const std::vector<std::byte> zeros(discarded_.empty() ? 0 : kBufferSize);
  for (const auto& [start, length] : discarded_) {
    if (::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(start),
                    static_cast<off_t>(length)) == 0) {
      continue;
    }
    // A file system without holes: the bytes must be the same everywhere.
    for (std::uint64_t done = 0; done < length; done += kBufferSize) {
      const auto part =
          static_cast<std::size_t>(std::min<std::uint64_t>(length - done, kBufferSize));
      BOTHY_TRY(write_all_at(fd_, Bytes(zeros).first(part), start + done, path_));
    }
  }
  discarded_.clear();
  return success();
}

Result<void> ErofsWriter::finish(const FileTree& tree, const Digest& identity) {
  Metadata metadata(*this, tree);
  BOTHY_TRY(metadata.place());
  BOTHY_TRY(metadata.write_directories());
  const std::uint64_t meta_start = flushed_ + buffer_.size();
  BOTHY_TRY(metadata.write_inodes(meta_start));
  BOTHY_TRY(extend_to(round_up(flushed_ + buffer_.size(), kBlock)));
  BOTHY_TRY(flush());
  BOTHY_TRY(punch_discarded());
  return write_superblock(identity, meta_start, metadata.root(), metadata.count());
}

Result<void> ErofsWriter::write_superblock(const Digest& identity, std::uint64_t meta_start,
                                           std::uint16_t root, std::uint64_t inodes) {
  erofs::Superblock super{};
  super.magic = erofs::kMagic;
  super.feature_compat = erofs::kCompatChecksum | erofs::kCompatMtime;
  super.block_bits = erofs::kBlockBits;
  super.root_nid = root;
  super.inodes = inodes;
  super.blocks = static_cast<std::uint32_t>(flushed_ / kBlock);
  super.meta_block = static_cast<std::uint32_t>(meta_start / kBlock);
  std::memcpy(&super.uuid[0], identity.bytes().data(), sizeof(super.uuid));
  // A UUID of version 8, custom (RFC 9562, 5.8).
  super.uuid[6] = static_cast<std::uint8_t>((super.uuid[6] & 0x0fU) | 0x80U);
  super.uuid[8] = static_cast<std::uint8_t>((super.uuid[8] & 0x3fU) | 0x80U);
  // The checksum covers the superblock and the rest of its block.
  std::vector<std::byte> block(kBlock - erofs::kSuperblockOffset);
  std::memcpy(block.data(), &super, sizeof(super));
  super.checksum = crc32c(~0U, block);
  return write_all_at(fd_, bytes_of(super), erofs::kSuperblockOffset, path_);
}

}  // namespace bothy::image

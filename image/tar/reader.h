// TarReader: the entries of a tar archive, one after another, as bytes: names are those of a Linux
// file system, not text. (libarchive's reader converts names to the locale's characters, and loses
// invalid ones.) Reads ustar, pax and GNU archives with long names, extended attributes and
// sparse files of every kind that GNU tar has written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/bytes/byte_source.h"
#include "image/tar/header.h"

namespace bothy::image {

struct TarExtension;

enum class FileType : std::uint8_t { kRegular, kDirectory, kSymlink, kCharacter, kBlock, kFifo };

struct ExtendedAttribute {
  std::string name;  // "user.x"
  std::string value;

  auto operator<=>(const ExtendedAttribute&) const noexcept = default;
};

// The metadata of a file.
struct Attributes {
  std::uint32_t permissions = 0755;  // the low twelve bits of st_mode
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  TarTime mtime;
  std::vector<ExtendedAttribute> xattrs;  // sorted by name, each name once
};

struct TarEntry {
  std::string path;  // as in the archive, unchecked
  std::string link;  // of a symlink or hard link
  bool hard_link = false;
  FileType type = FileType::kRegular;
  Attributes attributes;
  std::uint64_t size = 0;          // of a regular file, with its holes
  std::uint64_t header_bytes = 0;  // of extended headers and long names before the entry
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
};

// A part of a regular file. Between parts there are holes.
struct TarData {
  std::uint64_t offset = 0;
  Bytes bytes;
};

class TarReader {
 public:
  // Of an extended header or a long name.
  static constexpr std::uint64_t kMaxHeaderSize = 1U << 20U;
  // Of a path or a link target: PATH_MAX without the final zero.
  static constexpr std::size_t kMaxPathLength = 4095;
  // Of a file's extended attributes, names and values together.
  static constexpr std::size_t kMaxAttributeBytes = 1U << 16U;

  explicit TarReader(ByteSource& source) : source_(source), buffer_(1U << 17U) {}

  // The next entry, valid until the next call; nullptr at the end. Skips unread content of the
  // previous entry. kBadInput for a damaged or truncated archive.
  [[nodiscard]] Result<const TarEntry*> next();

  // The next part of the entry's content, valid until the next call; an empty one at the end.
  [[nodiscard]] Result<TarData> data();

 private:
  [[nodiscard]] Result<bool> read_block(TarBlock& block);
  [[nodiscard]] Result<std::string> read_text(std::uint64_t size);
  [[nodiscard]] Result<void> skip(std::uint64_t count);
  [[nodiscard]] Result<void> skip_content();
  [[nodiscard]] Result<bool> read_extension(const TarHeader& header, TarExtension& extended);
  [[nodiscard]] Result<void> make_entry(const TarHeader& header, TarExtension extended);
  [[nodiscard]] Result<void> start_content(const TarBlock& block, const TarHeader& header,
                                           TarExtension& extended);
  [[nodiscard]] Result<void> read_old_sparse(const TarBlock& block);
  [[nodiscard]] Result<void> read_sparse_map();
  [[nodiscard]] Result<void> check_runs();

  ByteSource& source_;
  std::vector<std::byte> buffer_;
  TarEntry entry_;
  bool ended_ = false;
  std::uint64_t stored_ = 0;   // bytes of content that are left in the archive
  std::uint64_t padding_ = 0;  // that follow them
  std::vector<TarRun> runs_;   // of content that is left
  std::size_t run_ = 0;
};

}  // namespace bothy::image

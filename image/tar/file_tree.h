// FileTree: the files of an image, merged from its layers (OCI image specification, layer.md). It
// exists in memory only: no name of a layer ever reaches a file system of this host. File content
// is stored elsewhere; an inode says where.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/bytes/limits.h"
#include "image/tar/reader.h"

namespace bothy::image {

using InodeNumber = std::uint32_t;

// A name in a directory, and the layer that added it.
struct DirectoryEntry {
  InodeNumber inode = 0;
  std::uint32_t layer = 0;
};

struct Directory {
  InodeNumber parent = 0;  // the root's is itself
  std::uint32_t depth = 0;
  std::uint32_t layer = 0;  // the last one with an entry for it or for something in it
  // The last layer that removed all entries of lower layers. New entries are of that layer, so a
  // second whiteout by the same layer has nothing to visit.
  std::uint32_t cleared_by = 0;
  std::map<std::string, DirectoryEntry, std::less<>> entries;  // in byte order
};

struct Inode {
  FileType type = FileType::kRegular;
  Attributes attributes;
  std::uint32_t links = 0;  // number of names; 1 for a directory
  std::uint64_t size = 0;   // of a regular file
  std::uint64_t place = 0;  // of the content, from ContentSink::begin()
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::string target;  // of a symlink
  std::unique_ptr<Directory> directory;
};

class FileTree {
 public:
  static constexpr InodeNumber kRoot = 0;
  static constexpr std::uint32_t kMaxDepth = 1024;
  static constexpr std::size_t kMaxNameLength = 255;  // NAME_MAX
  static constexpr int kMaxSymlinks = 40;             // to follow on one path, as the kernel has it

  // Counts inodes, metadata and look-up steps on `budget`, which must outlive the tree.
  // `on_removed` is called for each regular file's inode when its last name is removed.
  explicit FileTree(Budget& budget, std::function<void(const Inode&)> on_removed = {});

  // Entries added from now on belong to the next layer.
  void begin_layer() { ++layer_; }

  // Paths are relative to the image's root; "." and empty parts are ignored. kBadInput for "..",
  // absolute paths, names longer than kMaxNameLength, paths through a file, paths deeper than
  // kMaxDepth, and an exceeded limit of the budget. Missing parents are created, owned by root,
  // with mode 0755. Symlinks on the way are followed within the tree, whose root is its own "..":
  // other tools do so, and layers rely on it (bin/x in a layer, bin -> usr/bin in the one below).

  // Adds a directory, or gives an existing one new attributes; it keeps its entries.
  [[nodiscard]] Result<InodeNumber> add_directory(std::string_view path, Attributes attributes);
  // Adds anything else, in place of an existing entry. Ignores `file.links` and `.directory`.
  [[nodiscard]] Result<InodeNumber> add_file(std::string_view path, Inode file);
  // Adds a name for the inode at `target`, of this layer or one below. kBadInput when `target` is a
  // directory or does not exist.
  [[nodiscard]] Result<void> add_link(std::string_view path, std::string_view target);
  // Removes what lower layers have at `path`, if anything.
  [[nodiscard]] Result<void> whiteout(std::string_view path);
  // Removes what lower layers have in the directory.
  [[nodiscard]] Result<void> make_opaque(std::string_view path);

  [[nodiscard]] const Inode& inode(InodeNumber number) const { return inodes_[number]; }
  [[nodiscard]] Inode& inode(InodeNumber number) { return inodes_[number]; }
  // One more than the largest number in use.
  [[nodiscard]] InodeNumber number_limit() const noexcept {
    return static_cast<InodeNumber>(inodes_.size());
  }
  // The number of inodes in use.
  [[nodiscard]] std::size_t count() const noexcept { return inodes_.size() - free_.size(); }

  // The inode at `path`, whose last part is not followed; nullptr when there is none.
  [[nodiscard]] Result<const Inode*> find(std::string_view path);

 private:
  using Names = std::vector<std::string_view>;
  enum class Missing { kMake, kLeave };

  // The directory at `names`, or kNowhere when it is missing and not to be made.
  static constexpr InodeNumber kNowhere = ~InodeNumber{0};
  [[nodiscard]] Result<InodeNumber> walk(const Names& names, Missing missing);
  [[nodiscard]] Result<InodeNumber> step(InodeNumber here, const std::string& name,
                                         Missing missing);
  [[nodiscard]] Result<InodeNumber> make_directory(InodeNumber parent, const std::string& name);
  [[nodiscard]] Result<DirectoryEntry*> slot(std::string_view path);

  [[nodiscard]] InodeNumber allocate();
  [[nodiscard]] bool is_of_this_layer(const DirectoryEntry& entry) const;
  void touch(InodeNumber directory);
  void release(InodeNumber number);
  [[nodiscard]] Result<void> remove_lower(InodeNumber directory);
  [[nodiscard]] Result<void> count_metadata(std::string_view name, const Attributes& attributes);

  Budget& budget_;
  std::function<void(const Inode&)> on_removed_;
  std::uint32_t layer_ = 0;
  std::deque<Inode> inodes_;
  std::vector<InodeNumber> free_;
};

// The parts of a path, checked as in FileTree.
[[nodiscard]] Result<std::vector<std::string_view>> split_path(std::string_view path);

}  // namespace bothy::image

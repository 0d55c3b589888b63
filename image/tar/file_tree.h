// FileTree: what the layers of an image, applied one over another, make of its files (OCI image
// specification, layer.md). It lives in memory alone: no name that a layer has ever reaches a file
// system of this host. Content is elsewhere; an inode says where.
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

// A name in a directory, and the layer that put it there.
struct DirectoryEntry {
  InodeNumber inode = 0;
  std::uint32_t layer = 0;
};

struct Directory {
  InodeNumber parent = 0;  // the root's is itself
  std::uint32_t depth = 0;
  std::uint32_t layer = 0;  // the last that named it, or something in it
  // The last layer that removed everything of lower layers from it; such a directory gets nothing
  // of theirs any more, so a second whiteout by the same layer has nothing to visit.
  std::uint32_t cleared_by = 0;
  std::map<std::string, DirectoryEntry, std::less<>> entries;  // in byte order
};

struct Inode {
  FileType type = FileType::kRegular;
  Attributes attributes;
  std::uint32_t links = 0;  // names that it has; a directory has one
  std::uint64_t size = 0;   // of a regular file
  std::uint64_t place = 0;  // of its content, as the one who wrote it says
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

  // Counts inodes, metadata and look-up steps on `budget`, which must outlive the tree. `forgotten`
  // is called for each regular file's inode when its last name is removed.
  explicit FileTree(Budget& budget, std::function<void(const Inode&)> forgotten = {});

  // From here on, what is added belongs to the next layer.
  void begin_layer() { ++layer_; }

  // Paths are relative to the image's root; "." and empty parts mean nothing. kBadImage for ".."
  // and an absolute path, a name longer than a file system has, a path through a file, and one
  // deeper than kMaxDepth. Missing parents are made, as root's and with mode 0755. A symlink on the
  // way is followed within the tree, whose root is where ".." ends: other tools do so, and layers
  // rely on it (a layer has bin/x, the one below it bin -> usr/bin).

  // A directory: a new one, or new attributes for the one that is there, which keeps its entries.
  [[nodiscard]] Result<InodeNumber> add_directory(std::string_view path, Attributes attributes);
  // Anything else, in place of what is there. `file.links` and `.directory` are the tree's own.
  [[nodiscard]] Result<InodeNumber> add_file(std::string_view path, Inode file);
  // Another name for what is at `target`, in this layer or one below; kBadImage for a directory
  // and for what isn't there.
  [[nodiscard]] Result<void> add_link(std::string_view path, std::string_view target);
  // Removes what layers below this one put at `path`; nothing, where there is nothing.
  [[nodiscard]] Result<void> whiteout(std::string_view path);
  // Removes what layers below this one put in the directory.
  [[nodiscard]] Result<void> make_opaque(std::string_view path);

  [[nodiscard]] const Inode& inode(InodeNumber number) const { return inodes_[number]; }
  [[nodiscard]] Inode& inode(InodeNumber number) { return inodes_[number]; }
  // One more than the largest number in use.
  [[nodiscard]] InodeNumber number_limit() const noexcept {
    return static_cast<InodeNumber>(inodes_.size());
  }
  // How many are in use.
  [[nodiscard]] std::size_t count() const noexcept { return inodes_.size() - free_.size(); }

  // The inode at `path`, whose last part is not followed; nothing where there is none.
  [[nodiscard]] Result<const Inode*> find(std::string_view path);

 private:
  using Names = std::vector<std::string_view>;
  enum class Missing { kMake, kLeave };

  // The directory that `names` lead to, or kNowhere where one is missing and to be left so.
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
  std::function<void(const Inode&)> forgotten_;
  std::uint32_t layer_ = 0;
  std::deque<Inode> inodes_;
  std::vector<InodeNumber> free_;
};

// The parts of a path, checked as above.
[[nodiscard]] Result<std::vector<std::string_view>> split_path(std::string_view path);

}  // namespace bothy::image

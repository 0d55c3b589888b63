#include "image/tar/file_tree.h"

#include <algorithm>
#include <utility>

#include "base/files.h"

namespace bothy::image {
namespace {

// Returns how many parts `path` has.
std::size_t append_reversed(std::vector<std::string>& pending, std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (end > start && path.substr(start, end - start) != ".") {
      parts.emplace_back(path.substr(start, end - start));
    }
    start = end + 1;
  }
  pending.insert(pending.end(), parts.rbegin(), parts.rend());
  return parts.size();
}

}  // namespace

Result<std::vector<std::string_view>> split_path(std::string_view path) {
  std::vector<std::string_view> names;
  // Some tools write "/" for the root.
  if (path.find_first_not_of('/') == std::string_view::npos) {
    return names;
  }
  if (path.starts_with('/')) {
    return make_error(ErrorCode::kBadInput, "'{}' is an absolute path", printable(path));
  }
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view name = path.substr(start, end - start);
    start = end + 1;
    if (name == "..") {
      return make_error(ErrorCode::kBadInput, "'{}' leads out of the image", printable(path));
    }
    if (name.size() > FileTree::kMaxNameLength) {
      return make_error(ErrorCode::kBadInput, "'{}' has a name of more than {} bytes",
                        printable(path), FileTree::kMaxNameLength);
    }
    if (!name.empty() && name != ".") {
      names.push_back(name);
    }
  }
  return names;
}

FileTree::FileTree(Budget& budget, std::function<void(const Inode&)> on_removed)
    : budget_(budget), on_removed_(std::move(on_removed)) {
  Inode& root = inodes_.emplace_back();
  root.type = FileType::kDirectory;
  root.links = 1;
  root.directory = std::make_unique<Directory>();
}

InodeNumber FileTree::allocate() {
  if (free_.empty()) {
    inodes_.emplace_back();
    return static_cast<InodeNumber>(inodes_.size() - 1);
  }
  const InodeNumber number = free_.back();
  free_.pop_back();
  return number;
}

bool FileTree::is_of_this_layer(const DirectoryEntry& entry) const {
  const auto& directory = inodes_[entry.inode].directory;
  return (directory ? directory->layer : entry.layer) == layer_;
}

// The ancestors of a directory of this layer are of this layer too.
void FileTree::touch(InodeNumber directory) {
  while (inodes_[directory].directory->layer != layer_) {
    inodes_[directory].directory->layer = layer_;
    directory = inodes_[directory].directory->parent;
  }
}

// Removes one name of the inode, and the inode with the last one.
// NOLINTNEXTLINE(misc-no-recursion): a tree is at most kMaxDepth deep
void FileTree::release(InodeNumber number) {
  Inode& inode = inodes_[number];
  if (inode.directory) {
    for (const auto& [name, entry] : inode.directory->entries) {
      release(entry.inode);
    }
  } else if (--inode.links > 0) {
    return;
  }
  if (on_removed_ && inode.type == FileType::kRegular) {
    on_removed_(inode);
  }
  inode = Inode();
  free_.push_back(number);
}

// NOLINTNEXTLINE(misc-no-recursion): a tree is at most kMaxDepth deep
Result<void> FileTree::remove_lower(InodeNumber number) {
  Directory& directory = *inodes_[number].directory;
  if (directory.cleared_by == layer_) {
    return success();
  }
  auto& entries = directory.entries;
  BOTHY_TRY(budget_.spend(Resource::kSteps, entries.size()));
  for (auto at = entries.begin(); at != entries.end();) {
    const DirectoryEntry entry = at->second;
    if (!is_of_this_layer(entry)) {
      release(entry.inode);
      at = entries.erase(at);
      continue;
    }
    if (inodes_[entry.inode].directory) {
      BOTHY_TRY(remove_lower(entry.inode));
    }
    ++at;
  }
  directory.cleared_by = layer_;
  return success();
}

Result<void> FileTree::count_metadata(std::string_view name, const Attributes& attributes) {
  std::uint64_t bytes = name.size();
  for (const ExtendedAttribute& attribute : attributes.xattrs) {
    bytes += attribute.name.size() + attribute.value.size();
  }
  return budget_.spend(Resource::kMetadata, bytes);
}

Result<InodeNumber> FileTree::make_directory(InodeNumber parent, const std::string& name) {
  const std::uint32_t depth = inodes_[parent].directory->depth + 1;
  if (depth > kMaxDepth) {
    return make_error(ErrorCode::kBadInput, "directory '{}' is more than {} levels deep",
                      printable(name), kMaxDepth);
  }
  BOTHY_TRY(budget_.spend(Resource::kInodes, 1));
  BOTHY_TRY(count_metadata(name, Attributes()));
  const InodeNumber made = allocate();
  Inode& inode = inodes_[made];
  inode.type = FileType::kDirectory;
  inode.links = 1;
  inode.directory = std::make_unique<Directory>();
  inode.directory->parent = parent;
  inode.directory->depth = depth;
  inode.directory->cleared_by = layer_;
  inodes_[parent].directory->entries[name] = DirectoryEntry{made, layer_};
  return made;
}

// From the directory `here` to the one named, which is neither a symlink nor "..".
Result<InodeNumber> FileTree::step(InodeNumber here, const std::string& name, Missing missing) {
  auto& entries = inodes_[here].directory->entries;
  const auto at = entries.find(name);
  if (at != entries.end()) {
    const DirectoryEntry entry = at->second;
    if (inodes_[entry.inode].directory) {
      return entry.inode;
    }
    if (missing == Missing::kLeave) {
      return kNowhere;
    }
    if (is_of_this_layer(entry)) {
      return make_error(ErrorCode::kBadInput,
                        "the path leads through '{}', which is not a directory", printable(name));
    }
    release(entry.inode);
    entries.erase(at);
  }
  if (missing == Missing::kLeave) {
    return kNowhere;
  }
  return make_directory(here, name);
}

Result<InodeNumber> FileTree::walk(const Names& names, Missing missing) {
  std::vector<std::string> pending(names.rbegin(), names.rend());
  BOTHY_TRY(budget_.spend(Resource::kSteps, pending.size()));
  InodeNumber here = kRoot;
  int symlinks = 0;
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    const Directory& directory = *inodes_[here].directory;
    if (name == "..") {  // of a symlink's target
      here = directory.parent;
      continue;
    }
    const auto at = directory.entries.find(name);
    if (at != directory.entries.end() && inodes_[at->second.inode].type == FileType::kSymlink) {
      const std::string& target = inodes_[at->second.inode].target;
      if (++symlinks > kMaxSymlinks) {
        return make_error(ErrorCode::kBadInput,
                          "the path leads through more than {} symbolic links at '{}'",
                          kMaxSymlinks, printable(name));
      }
      BOTHY_TRY(budget_.spend(Resource::kSteps, append_reversed(pending, target)));
      here = target.starts_with('/') ? kRoot : here;
      continue;
    }
    if (name.size() > kMaxNameLength) {
      return make_error(ErrorCode::kBadInput, "'{}' has a name of more than {} bytes",
                        printable(name), kMaxNameLength);
    }
    BOTHY_TRY(here, step(here, name, missing));
    if (here == kNowhere) {
      return here;
    }
  }
  return here;
}

// The entry of `path`, made where there is none, with the inode number kNowhere.
Result<DirectoryEntry*> FileTree::slot(std::string_view path) {
  BOTHY_TRY(Names names, split_path(path));
  if (names.empty()) {
    return make_error(ErrorCode::kBadInput, "the image's root must be a directory");
  }
  const std::string name(names.back());
  names.pop_back();
  BOTHY_TRY(const InodeNumber parent, walk(names, Missing::kMake));
  touch(parent);
  return &inodes_[parent]
              .directory->entries.try_emplace(name, DirectoryEntry{kNowhere, layer_})
              .first->second;
}

Result<InodeNumber> FileTree::add_directory(std::string_view path, Attributes attributes) {
  BOTHY_TRY(Names names, split_path(path));
  BOTHY_TRY(count_metadata({}, attributes));
  if (names.empty()) {
    touch(kRoot);
    inodes_[kRoot].attributes = std::move(attributes);
    return kRoot;
  }
  const std::string name(names.back());
  names.pop_back();
  BOTHY_TRY(const InodeNumber parent, walk(names, Missing::kMake));
  auto& entries = inodes_[parent].directory->entries;
  const auto at = entries.find(name);
  InodeNumber number = kNowhere;
  if (at != entries.end() && inodes_[at->second.inode].directory) {
    number = at->second.inode;
  } else {
    if (at != entries.end()) {
      release(at->second.inode);
      entries.erase(at);
    }
    BOTHY_TRY(number, make_directory(parent, name));
  }
  touch(number);
  inodes_[number].attributes = std::move(attributes);
  return number;
}

Result<InodeNumber> FileTree::add_file(std::string_view path, Inode file) {
  BOTHY_TRY(budget_.spend(Resource::kInodes, 1));
  BOTHY_TRY(budget_.spend(Resource::kMetadata, file.target.size()));
  BOTHY_TRY(count_metadata(path.substr(path.rfind('/') + 1), file.attributes));
  BOTHY_TRY(DirectoryEntry* const entry, slot(path));
  if (entry->inode != kNowhere) {
    release(entry->inode);
  }
  const InodeNumber number = allocate();
  file.links = 1;
  file.directory.reset();
  inodes_[number] = std::move(file);
  *entry = DirectoryEntry{number, layer_};
  return number;
}

Result<void> FileTree::add_link(std::string_view path, std::string_view target) {
  BOTHY_TRY(Names names, split_path(target));
  InodeNumber number = kNowhere;
  if (!names.empty()) {
    const std::string_view name = names.back();
    names.pop_back();
    BOTHY_TRY(const InodeNumber parent, walk(names, Missing::kLeave));
    if (parent != kNowhere) {
      const auto& entries = inodes_[parent].directory->entries;
      const auto at = entries.find(name);
      number = at == entries.end() ? kNowhere : at->second.inode;
    }
  }
  if (number == kNowhere || inodes_[number].directory) {
    return make_error(ErrorCode::kBadInput, "the hard link's target '{}' {}", printable(target),
                      number == kNowhere ? "does not exist" : "is a directory");
  }
  BOTHY_TRY(count_metadata(path.substr(path.rfind('/') + 1), Attributes()));
  // Counted first: making the parents of `path` may remove the target's last name.
  inodes_[number].links += 1;
  auto found = slot(path);
  if (!found) {
    release(number);
    return std::move(found).error();
  }
  DirectoryEntry& entry = *found.value();
  if (entry.inode != kNowhere) {
    release(entry.inode);
  }
  entry = DirectoryEntry{number, layer_};
  return success();
}

Result<void> FileTree::whiteout(std::string_view path) {
  BOTHY_TRY(Names names, split_path(path));
  if (names.empty()) {
    return make_error(ErrorCode::kBadInput, "a whiteout can't remove the image's root");
  }
  const std::string_view name = names.back();
  names.pop_back();
  BOTHY_TRY(const InodeNumber parent, walk(names, Missing::kLeave));
  if (parent == kNowhere) {
    return success();
  }
  auto& entries = inodes_[parent].directory->entries;
  const auto at = entries.find(name);
  if (at == entries.end()) {
    return success();
  }
  if (!is_of_this_layer(at->second)) {
    release(at->second.inode);
    entries.erase(at);
  } else if (inodes_[at->second.inode].directory) {
    return remove_lower(at->second.inode);
  }
  return success();
}

Result<void> FileTree::make_opaque(std::string_view path) {
  BOTHY_TRY(const Names names, split_path(path));
  BOTHY_TRY(const InodeNumber directory, walk(names, Missing::kLeave));
  return directory == kNowhere ? Result<void>(success()) : remove_lower(directory);
}

Result<const Inode*> FileTree::find(std::string_view path) {
  BOTHY_TRY(Names names, split_path(path));
  if (names.empty()) {
    return &inodes_[kRoot];
  }
  const std::string_view name = names.back();
  names.pop_back();
  BOTHY_TRY(const InodeNumber parent, walk(names, Missing::kLeave));
  if (parent == kNowhere) {
    return nullptr;
  }
  const auto& entries = inodes_[parent].directory->entries;
  const auto at = entries.find(name);
  return at == entries.end() ? nullptr : &inodes_[at->second.inode];
}

}  // namespace bothy::image

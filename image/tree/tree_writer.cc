#include "image/tree/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/unique_fd.h"
#include "image/tree/content_files.h"

namespace bothy::image {
namespace {

constexpr std::uint32_t kNobody = 65534;

bool is_device(FileType type) noexcept {
  return type == FileType::kCharacter || type == FileType::kBlock;
}

// Attributes of other namespaces would need capabilities that no user namespace gives.
bool is_kept(std::string_view attribute) noexcept {
  return (attribute.starts_with("user.") && !attribute.starts_with("user.overlay.")) ||
         attribute == "security.capability" || attribute.starts_with("system.posix_acl_");
}

std::array<timespec, 2> times_of(const Attributes& attributes) noexcept {
  return {{{0, UTIME_OMIT},
           {attributes.mtime.seconds, static_cast<long>(attributes.mtime.nanoseconds)}}};
}

// Directories are new and nobody else's, and names have no slash: each name is what was made.
class TreeWriter {
 public:
  TreeWriter(const FileTree& tree, int content, const IdMappings& mappings)
      : tree_(tree), content_(content), mappings_(mappings), made_(tree.number_limit()) {}

  Result<void> write_directory(int fd, InodeNumber number, int depth) {
    if (depth > kMaxTreeDepth) {
      return make_error(ErrorCode::kBadInput,
                        "can't make '{}': it is more than {} directories deep", printable(path_),
                        kMaxTreeDepth);
    }
    const Inode& inode = tree_.inode(number);
    const std::size_t length = path_.size();
    for (const auto& [name, entry] : inode.directory->entries) {
      path_ += (length > 0 ? "/" : "") + name;
      BOTHY_TRY(write_entry(fd, name, entry.inode, depth));
      path_.resize(length);
    }
    // Last: entries change its time, and its mode may forbid adding them.
    return finish(fd, inode);
  }

 private:
  Result<void> write_entry(int parent, const std::string& name, InodeNumber number, int depth) {
    const Inode& inode = tree_.inode(number);
    if (inode.type == FileType::kDirectory) {
      constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
      const bool made = ::mkdirat(parent, name.c_str(), 0700) == 0;
      const UniqueFd fd(made ? ::openat(parent, name.c_str(), kFlags) : -1);
      return fd ? write_directory(fd.get(), number, depth + 1) : Result<void>(failed("make"));
    }
    if (is_device(inode.type)) {
      return success();
    }
    const std::string file =
        inode.size > 0 ? ContentFiles::name_of(inode) : fmt::format("inode-{}", number);
    if (!made_[number]) {
      BOTHY_TRY(make_file(file, inode));
      made_[number] = true;
    }
    if (::linkat(content_, file.c_str(), parent, name.c_str(), 0) != 0) {
      return failed("make");
    }
    return success();
  }

  // Gives an inode all but its names. One with content exists.
  [[nodiscard]] Result<void> make_file(const std::string& file, const Inode& inode) const {
    if (inode.type == FileType::kSymlink) {
      return make_symlink(file, inode);
    }
    constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    if (inode.type == FileType::kFifo && ::mkfifoat(content_, file.c_str(), 0600) != 0) {
      return failed("make");
    }
    const bool is_new = inode.type == FileType::kRegular && inode.size == 0;
    const int create = is_new ? O_CREAT | O_EXCL : 0;
    const UniqueFd fd(::openat(content_, file.c_str(), O_RDONLY | kFlags | create, 0600));
    if (!fd) {
      return failed("make");
    }
    return finish(fd.get(), inode);
  }

  [[nodiscard]] Result<void> make_symlink(const std::string& file, const Inode& inode) const {
    const Attributes& attributes = inode.attributes;
    if (::symlinkat(inode.target.c_str(), content_, file.c_str()) != 0 ||
        ::fchownat(content_, file.c_str(), mapped_owner(mappings_.users, attributes.uid),
                   mapped_owner(mappings_.groups, attributes.gid), AT_SYMLINK_NOFOLLOW) != 0 ||
        ::utimensat(content_, file.c_str(), times_of(attributes).data(), AT_SYMLINK_NOFOLLOW) !=
            0) {
      return failed("make");
    }
    return success();
  }

  // The owner first: chown(2) clears set-id bits and capabilities.
  [[nodiscard]] Result<void> finish(int fd, const Inode& inode) const {
    const Attributes& attributes = inode.attributes;
    if (::fchown(fd, mapped_owner(mappings_.users, attributes.uid),
                 mapped_owner(mappings_.groups, attributes.gid)) != 0) {
      return failed("set the owner of");
    }
    if (inode.type != FileType::kFifo) {
      BOTHY_TRY(set_attributes(fd, attributes));
    }
    if (::fchmod(fd, attributes.permissions) != 0 ||
        ::futimens(fd, times_of(attributes).data()) != 0) {
      return failed("set mode and time of");
    }
    return success();
  }

  [[nodiscard]] Result<void> set_attributes(int fd, const Attributes& attributes) const {
    for (const ExtendedAttribute& each : attributes.xattrs) {
      if (is_kept(each.name) &&
          ::fsetxattr(fd, each.name.c_str(), each.value.data(), each.value.size(), 0) != 0 &&
          errno != ENOTSUP && errno != EPERM && errno != EINVAL) {
        return failed("set attributes of");
      }
    }
    return success();
  }

  [[nodiscard]] Error failed(const char* what) const {
    return errno_error(fmt::format("can't {} '{}'", what, printable(path_)));
  }

  const FileTree& tree_;
  const int content_;
  const IdMappings& mappings_;
  std::string path_;        // of the entry that is being made
  std::vector<bool> made_;  // by inode number: its file is in `content_`, complete
};

bool is_mapped(const std::vector<IdMapping>& mappings, std::uint32_t id) noexcept {
  return std::ranges::any_of(mappings, [id](const IdMapping& mapping) {
    return id >= mapping.container && id - mapping.container < mapping.size;
  });
}

}  // namespace

std::uint32_t mapped_owner(const std::vector<IdMapping>& mappings, std::uint32_t id) {
  if (is_mapped(mappings, id)) {
    return id;
  }
  return is_mapped(mappings, kNobody) ? kNobody : mappings.front().container;
}

Result<void> write_tree(const FileTree& tree, int content, int directory,
                        const IdMappings& mappings) {
  return TreeWriter(tree, content, mappings).write_directory(directory, FileTree::kRoot, 0);
}

}  // namespace bothy::image

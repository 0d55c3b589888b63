#include "image/tar/layer.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "image/bytes/unpack_source.h"
#include "image/tar/reader.h"

namespace bothy::image {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";  // AUFS's own files, not content

bool is_kept(std::string_view attribute) noexcept {
  return attribute.starts_with("user.") || attribute.starts_with("security.") ||
         attribute == "system.posix_acl_access" || attribute == "system.posix_acl_default" ||
         (attribute.starts_with("trusted.") && !attribute.starts_with("trusted.overlay."));
}

class LayerReader {
 public:
  LayerReader(ByteSource& archive, FileTree& tree, ContentSink& sink, Budget& budget)
      : tar_(archive), tree_(tree), sink_(sink), budget_(budget) {}

  Result<void> read() {
    tree_.begin_layer();
    while (true) {
      BOTHY_TRY(const TarEntry* entry, tar_.next());
      if (entry == nullptr) {
        return success();
      }
      if (auto applied = apply(*entry); !applied) {
        return Error{applied.error().code,
                     "entry '" + printable(entry->path) + "': " + applied.error().context};
      }
    }
  }

 private:
  Result<void> apply(const TarEntry& entry) {
    BOTHY_TRY(budget_.spend(Resource::kEntries, 1));
    BOTHY_TRY(budget_.spend(Resource::kMetadata, entry.header_bytes));
    std::string_view path = entry.path;
    while (path.size() > 1 && path.ends_with('/')) {
      path.remove_suffix(1);
    }
    const std::size_t slash = path.rfind('/');
    const std::size_t start = slash == std::string_view::npos ? 0 : slash + 1;
    const std::string_view name = path.substr(start);
    if (name.starts_with(kWhiteout)) {
      return apply_whiteout(path.substr(0, start), name);
    }
    if (entry.hard_link) {
      return tree_.add_link(path, entry.link);
    }
    Attributes attributes = entry.attributes;
    std::erase_if(attributes.xattrs,
                  [](const ExtendedAttribute& each) { return !is_kept(each.name); });
    if (entry.type == FileType::kDirectory) {
      BOTHY_TRY(tree_.add_directory(path, std::move(attributes)));
      return success();
    }
    return add_file(path, entry, std::move(attributes));
  }

  Result<void> apply_whiteout(std::string_view directory, std::string_view name) {
    if (name == kOpaque) {
      // An empty path is the root.
      return tree_.make_opaque(directory.empty() ? "." : directory);
    }
    if (name.starts_with(kAufs)) {
      return success();
    }
    const std::string_view hidden = name.substr(kWhiteout.size());
    if (hidden.empty() || hidden == "." || hidden == "..") {
      return make_error(ErrorCode::kBadInput, "the whiteout names no file");
    }
    return tree_.whiteout(std::string(directory) + std::string(hidden));
  }

  Result<void> add_file(std::string_view path, const TarEntry& entry, Attributes attributes) {
    Inode file;
    file.type = entry.type;
    file.attributes = std::move(attributes);
    file.size = entry.size;
    file.major = entry.major;
    file.minor = entry.minor;
    if (entry.type == FileType::kSymlink) {
      if (entry.link.empty()) {
        return make_error(ErrorCode::kBadInput, "the symbolic link has no target");
      }
      file.target = entry.link;
    }
    if (entry.type == FileType::kRegular && entry.size > 0) {
      BOTHY_TRY(budget_.spend(Resource::kContent, entry.size));
      BOTHY_TRY(file.place, copy(entry.size));
    }
    BOTHY_TRY(tree_.add_file(path, std::move(file)));
    return success();
  }

  Result<std::uint64_t> copy(std::uint64_t size) {
    BOTHY_TRY(const std::uint64_t place, sink_.begin(size));
    while (true) {
      BOTHY_TRY(const TarData part, tar_.data());
      if (part.bytes.empty()) {
        break;
      }
      BOTHY_TRY(sink_.write(part.offset, part.bytes));
    }
    BOTHY_TRY(sink_.end());
    return place;
  }

  TarReader tar_;
  FileTree& tree_;
  ContentSink& sink_;
  Budget& budget_;
};

}  // namespace

Result<Digest> apply_layer(ByteSource& layer, FileTree& tree, ContentSink& sink, Budget& budget) {
  BOTHY_TRY(const auto plain, PlainSource::open(layer));
  CountingSource counted(*plain, budget, Resource::kArchive);
  HashingSource archive(counted);
  BOTHY_TRY(LayerReader(archive, tree, sink, budget).read());
  return archive.finish();
}

}  // namespace bothy::image

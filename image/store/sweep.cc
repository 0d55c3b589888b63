// Removal from a store.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/files.h"
#include "base/user_namespace.h"
#include "image/store/reference.h"
#include "image/store/store.h"

namespace bothy::image {
namespace {

std::uint64_t remove_file(const std::string& path) noexcept {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || ::unlink(path.c_str()) != 0) {
    return 0;
  }
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

bool is_named(const Descriptor& entry) {
  return !entry.annotation(kNameAnnotation).empty();
}

}  // namespace

Result<Removed> Store::remove(std::string_view text, bool force) const {
  Removed removed;
  // Without a store there is no lock file.
  BOTHY_TRY(const Image found, find(text));
  const Digest digest = found.manifest.digest;
  const auto reference = Reference::parse(text);
  const std::string name =
      reference && !reference.value().digest ? reference.value().full() : std::string();
  const bool by_name = std::find(found.names.begin(), found.names.end(), name) != found.names.end();
  const bool whole = !by_name || found.names.size() < 2;
  std::optional<FileLock> unused;
  if (whole && !force) {
    BOTHY_TRY(unused, FileLock::attempt(lock_path(), LockKind::kUse, LockMode::kExclusive, digest));
    if (!unused) {
      return make_error(ErrorCode::kBusy,
                        "image '{}' is in use by an instance (--force removes it anyway)",
                        found.title());
    }
  }
  {
    BOTHY_TRY(const FileLock lock,
              FileLock::wait(lock_path(), LockKind::kIndex, LockMode::kExclusive));
    BOTHY_TRY(Index index, read_index());
    std::erase_if(index.manifests, [&](const Descriptor& entry) {
      const std::string entry_name = entry.annotation(kNameAnnotation);
      const bool goes = entry.digest == digest && (whole || entry_name == name);
      if (goes && !entry_name.empty()) {
        removed.names.push_back(entry_name);
      }
      return goes;
    });
    BOTHY_TRY(write_index(index));
    if (whole) {
      removed.images.push_back(digest);
    }
  }
  // Nobody can begin to use what the index doesn't have; sweep() looks for users that are left.
  unused.reset();
  BOTHY_TRY(sweep(removed));
  return removed;
}

Result<Removed> Store::prune() const {
  Removed removed;
  if (!exists(root_ + "/index.json")) {
    return removed;
  }
  {
    BOTHY_TRY(const FileLock lock,
              FileLock::wait(lock_path(), LockKind::kIndex, LockMode::kExclusive));
    Stage::remove_abandoned(root_ + "/tmp");
    BOTHY_TRY(Index index, read_index());
    std::vector<Descriptor> kept;
    for (const Descriptor& entry : index.manifests) {
      std::optional<FileLock> unused;
      if (!is_named(entry)) {
        // Tried, not waited for: the order of locks is the other way round.
        BOTHY_TRY(unused, FileLock::attempt(lock_path(), LockKind::kUse, LockMode::kExclusive,
                                            entry.digest));
      }
      if (unused) {
        removed.images.push_back(entry.digest);
      } else {
        kept.push_back(entry);
      }
    }
    index.manifests = std::move(kept);
    BOTHY_TRY(write_index(index));
  }
  BOTHY_TRY(sweep(removed));
  return removed;
}

// Removes blobs and disks that no image refers to. Not while another process adds to the store:
// what that process relies on isn't known, so all of them stay for the next sweep.
Result<void> Store::sweep(Removed& removed) const {
  BOTHY_TRY(const auto alone,
            FileLock::attempt(lock_path(), LockKind::kContent, LockMode::kExclusive));
  if (!alone) {
    return success();
  }
  BOTHY_TRY(const Index index, read_index());
  std::set<std::string> blobs;
  std::set<std::string> manifests;
  for (const Descriptor& entry : index.manifests) {
    auto text = document(entry);
    if (!text && text.error().code == ErrorCode::kNotFound) {
      continue;  // its blobs can't be found
    }
    BOTHY_TRY(text);
    BOTHY_TRY(const Manifest manifest, Manifest::parse(text.value()));
    manifests.insert(entry.digest.hex());
    blobs.insert(entry.digest.hex());
    blobs.insert(manifest.config.digest.hex());
    for (const Descriptor& layer : manifest.layers) {
      blobs.insert(layer.digest.hex());
    }
  }
  BOTHY_TRY(const auto blob_names, list_directory(root_ + "/blobs/sha256"));
  for (const std::string& name : blob_names) {
    removed.bytes += blobs.contains(name) ? 0 : remove_file(root_ + "/blobs/sha256/" + name);
  }
  BOTHY_TRY(const auto disk_names, list_directory(root_ + "/disks"));
  for (const std::string& name : disk_names) {
    removed.bytes +=
        manifests.contains(name.substr(0, 64)) ? 0 : remove_file(root_ + "/disks/" + name);
  }
  // Stores of older versions have no such directories.
  const auto trees = list_directory(root_ + "/trees");
  for (const std::string& name : trees ? trees.value() : std::vector<std::string>()) {
    const auto digest = Digest::parse_hex(name.substr(0, 64));
    if (digest && !manifests.contains(digest.value().hex())) {
      BOTHY_TRY(remove_tree_of(digest.value(), name));
    }
  }
  const auto sources = list_directory(root_ + "/sources");
  for (const std::string& name : sources ? sources.value() : std::vector<std::string>()) {
    const auto place = Digest::parse_hex(name);
    const auto source = place ? imported_source(place.value()) : std::nullopt;
    if (!source || !manifests.contains(source->manifest.hex())) {
      remove_file(root_ + "/sources/" + name);
    }
  }
  return success();
}

// A disk in use is a file without a name then; a tree has to stay until its last user's end. It is
// moved first: a part of a tree must not be taken for a whole one.
Result<void> Store::remove_tree_of(const Digest& manifest, const std::string& name) const {
  BOTHY_TRY(const auto unused,
            FileLock::attempt(lock_path(), LockKind::kUse, LockMode::kExclusive, manifest));
  if (!unused) {
    return success();
  }
  const std::string place = root_ + "/tmp/" + name;
  BOTHY_TRY(remove_mapped_tree(place));
  BOTHY_TRY(rename_file(root_ + "/trees/" + name, place));
  return remove_mapped_tree(place);
}

}  // namespace bothy::image

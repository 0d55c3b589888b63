// Store: the images that this user has, an OCI image layout on disk (image-layout.md) with a few
// more directories beside it:
//
//   oci-layout index.json blobs/sha256/   the images: other tools can read them there
//   disks/                                what was made of them for machines, by manifest digest
//   sources/                              which paths were imported, by the hash of each path
//   tmp/                                  what is being made
//   lock                                  whose ranges are the locks of locks.h
//
// Any number of processes may work on one store at once. What is there is whole: it was written in
// tmp and renamed. A Store is a path and nothing else; its members may be called by any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/store/documents.h"
#include "image/store/locks.h"
#include "image/store/stage.h"

namespace bothy::image {

// Told now and then how far a long piece of work is: what it is about, and bytes done and, unless
// it is 0, to do.
using Progress = std::function<void(std::string_view what, std::uint64_t done, std::uint64_t all)>;

// An image in the store, and its names in full; none when another image took them.
struct Image {
  Descriptor manifest;
  std::vector<std::string> names;

  // The first name as people write it, or the start of the digest.
  [[nodiscard]] std::string title() const;
};

// An image's documents.
struct ImageDetails {
  Manifest manifest;
  ImageConfig config;
  std::string config_json;

  // Bytes of all its blobs.
  [[nodiscard]] std::uint64_t size() const;
};

// An image to be put into the store.
struct NewImage {
  Descriptor manifest;
  std::vector<std::string> names;  // in full
};

// A stage, and a lock that keeps the store's blobs from being swept meanwhile.
struct Addition {
  FileLock content;
  Stage stage;
};

struct Removed {
  std::vector<std::string> names;  // that no longer stand for an image
  std::vector<Digest> images;      // that are gone
  std::uint64_t bytes = 0;         // of blobs and disks that are gone
};

// What is remembered of a path that was imported: its state then, and the image made of it.
struct ImportedSource {
  Digest state;
  Digest manifest;
};

class Store {
 public:
  // `root`'s file system is untouched until something is added. `--store`, BOTHY_STORE,
  // /var/lib/bothy/images for root, $XDG_DATA_HOME/bothy/images (~/.local/share) for others: the
  // first that there is, as an absolute path. kInvalid when there is none.
  [[nodiscard]] static Result<Store> locate(const std::string& given);
  explicit Store(std::string root) : root_(std::move(root)) {}

  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  [[nodiscard]] std::string blob_path(const Digest& digest) const;
  [[nodiscard]] std::string disk_path(const Digest& manifest) const;
  [[nodiscard]] std::string lock_path() const { return root_ + "/lock"; }

  // In the order in which they came. A store that isn't there has none.
  [[nodiscard]] Result<std::vector<Image>> list() const;
  // By name, or by the first four or more digits of its manifest's digest. kNotFound; kInvalid when
  // the digits could mean several.
  [[nodiscard]] Result<Image> find(std::string_view text) const;
  [[nodiscard]] Result<ImageDetails> details(const Image& image) const;
  // A blob of text, checked against its digest.
  [[nodiscard]] Result<std::string> document(const Descriptor& descriptor) const;
  [[nodiscard]] bool has_blob(const Digest& digest, std::uint64_t size) const;

  // Makes the store where there is none, removes what killed processes left, and gives room to
  // write in.
  [[nodiscard]] Result<Addition> begin() const;
  // Makes the images part of the store, each with all of its blobs, be they staged or here
  // already; an image that had one of their names loses it. All or, when it fails, none.
  [[nodiscard]] Result<void> publish(Addition& addition, const std::vector<NewImage>& images) const;

  // The import of the path whose hash is `place`; nothing where none is remembered. Its image may
  // have been removed since.
  [[nodiscard]] std::optional<ImportedSource> imported_source(const Digest& place) const;
  // Remembers an import, in place of an earlier one of the same path, as long as its image is here.
  [[nodiscard]] Result<void> remember_source(const Digest& place,
                                             const ImportedSource& source) const;

  // What something running holds as long as it needs the image.
  [[nodiscard]] Result<FileLock> use(const Digest& manifest) const;

  // Takes a name away, and the image when it was the last, with what no other image shares. By
  // digest, with all names. kBusy while something uses it, unless `force`.
  [[nodiscard]] Result<Removed> remove(std::string_view text, bool force) const;
  // Removes images without a name, and whatever no image refers to.
  [[nodiscard]] Result<Removed> prune() const;

 private:
  [[nodiscard]] Result<Index> read_index() const;
  [[nodiscard]] Result<void> write_index(const Index& index) const;
  [[nodiscard]] Result<void> make_layout() const;
  [[nodiscard]] Result<void> take_blobs(const Stage& stage, const Descriptor& manifest) const;
  [[nodiscard]] Result<void> take_blob(const Stage& stage, const Descriptor& blob) const;
  [[nodiscard]] Result<void> sweep(Removed& removed) const;

  std::string root_;
};

}  // namespace bothy::image

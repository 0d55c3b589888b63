// Store: the images of this user: an OCI image layout on disk (image-layout.md) with some more
// directories:
//
//   oci-layout index.json blobs/sha256/   the images, readable by other tools
//   disks/                                the images' disks, by manifest digest
//   trees/                                the images' files, by manifest digest and mapping of ids
//   sources/                              which paths were imported, by the hash of each path
//   tmp/                                  content being written
//   lock                                  byte ranges are the locks of locks.h
//
// Any number of processes may use one store at once. Files are complete: they are written in tmp
// and renamed. A Store is a path and has no other state; any thread may call its members.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id_mapping.h"
#include "base/result.h"
#include "image/store/documents.h"
#include "image/store/locks.h"
#include "image/store/stage.h"

namespace bothy::image {

// Called now and then during long work, with its description, the bytes done, and the total, which
// is 0 when unknown.
using Progress = std::function<void(std::string_view what, std::uint64_t done, std::uint64_t all)>;

// An image in the store, and its full names; none when another image has taken them.
struct Image {
  Descriptor manifest;
  std::vector<std::string> names;

  // The short form of the first name, or the start of the digest.
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

// An image to be added to the store.
struct NewImage {
  Descriptor manifest;
  std::vector<std::string> names;  // in full
};

// A stage, and a lock that keeps the store's blobs from being swept.
struct Addition {
  FileLock content;
  Stage stage;
};

struct Removed {
  std::vector<std::string> names;  // removed
  std::vector<Digest> images;      // removed
  std::uint64_t bytes = 0;         // of removed blobs and disks
};

// What is remembered of a path that was imported: its state then, and the image made of it.
struct ImportedSource {
  Digest state;
  Digest manifest;
};

class Store {
 public:
  // The first of: `given` (--store), BOTHY_STORE, /var/lib/bothy/images for root,
  // $XDG_DATA_HOME/bothy/images (~/.local/share) for others; as an absolute path. kInvalid when
  // none is set. Makes nothing.
  [[nodiscard]] static Result<Store> locate(const std::string& given);
  explicit Store(std::string root) : root_(std::move(root)) {}

  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  [[nodiscard]] std::string blob_path(const Digest& digest) const;
  [[nodiscard]] std::string disk_path(const Digest& manifest) const;
  // One for each mapping of owners.
  [[nodiscard]] std::string tree_path(const Digest& manifest, const IdMappings& mappings) const;
  [[nodiscard]] std::string lock_path() const { return root_ + "/lock"; }

  // In order of import. None when the store doesn't exist.
  [[nodiscard]] Result<std::vector<Image>> list() const;
  // By name, or by four or more of the first digits of the manifest's digest. kNotFound; kInvalid
  // for digits that several images have.
  [[nodiscard]] Result<Image> find(std::string_view text) const;
  [[nodiscard]] Result<ImageDetails> details(const Image& image) const;
  // The content of a blob, checked against its digest.
  [[nodiscard]] Result<std::string> document(const Descriptor& descriptor) const;
  [[nodiscard]] bool has_blob(const Digest& digest, std::uint64_t size) const;

  // Makes the store when it doesn't exist, removes what killed processes left, and returns a stage
  // to write in.
  [[nodiscard]] Result<Addition> begin() const;
  // Adds the images with all of their blobs, which are on the stage or in the store; images that
  // had their names lose them. Adds all of them, or none on an error.
  [[nodiscard]] Result<void> publish(Addition& addition, const std::vector<NewImage>& images) const;

  // The import of the path whose hash is `place`; nothing where none is remembered. Its image may
  // have been removed since.
  [[nodiscard]] std::optional<ImportedSource> imported_source(const Digest& place) const;
  // Remembers an import, in place of an earlier one of the same path, as long as its image is here.
  [[nodiscard]] Result<void> remember_source(const Digest& place,
                                             const ImportedSource& source) const;

  // The lock that an instance holds while it needs the image.
  [[nodiscard]] Result<FileLock> use(const Digest& manifest) const;

  // Removes a name, and with the last name the image and the content that no other image shares. A
  // digest stands for the image with all of its names. kBusy while the image is in use, unless
  // `force`.
  [[nodiscard]] Result<Removed> remove(std::string_view text, bool force) const;
  // Removes unused images without a name, and content that no image refers to.
  [[nodiscard]] Result<Removed> prune() const;

 private:
  [[nodiscard]] Result<Index> read_index() const;
  [[nodiscard]] Result<void> write_index(const Index& index) const;
  [[nodiscard]] Result<void> make_layout() const;
  [[nodiscard]] Result<void> take_blobs(const Stage& stage, const Descriptor& manifest) const;
  [[nodiscard]] Result<void> take_blob(const Stage& stage, const Descriptor& blob) const;
  [[nodiscard]] Result<void> sweep(Removed& removed) const;
  [[nodiscard]] Result<void> remove_tree_of(const Digest& manifest, const std::string& name) const;

  std::string root_;
};

}  // namespace bothy::image

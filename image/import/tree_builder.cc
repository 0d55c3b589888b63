#include "image/import/tree_builder.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "base/files.h"
#include "base/user_namespace.h"
#include "image/confined/child.h"
#include "image/import/image_layers.h"
#include "image/tree/content_files.h"
#include "image/tree/tree_writer.h"

namespace bothy::image {
namespace {

constexpr std::string_view kRootDirectory = "/root";

constexpr const char* kContentDirectory = "/content";
constexpr const char* kTreeDirectory = "/tree";

// In the child, before it is confined: it enters the user namespace, and its root directory becomes
// the stage's.
Result<void> enter_stage(int user_namespace, const std::string& stage) {
  if (::setns(user_namespace, CLONE_NEWUSER) != 0) {
    return errno_error("can't join a user namespace");
  }
  if (::chroot(stage.c_str()) != 0 || ::chdir("/") != 0) {
    return errno_error("can't make " + printable(stage) + " a root directory");
  }
  return success();
}

// In the child: unpacks the layers to "content", then makes the tree in "tree/root".
Result<void> write_confined(std::vector<UniqueFd> layers, const ImageDetails& details,
                            const IdMappings& mappings, const Limits& limits,
                            const Progress& progress) {
  ContentFiles files(kContentDirectory);
  Budget budget(limits);
  FileTree tree(budget, [&](const Inode& inode) { files.discard(inode); });
  BOTHY_TRY(apply_layers(std::move(layers), details, tree, files, budget, progress));
  BOTHY_TRY(const UniqueFd from, open_file(kContentDirectory, O_RDONLY | O_DIRECTORY));
  BOTHY_TRY(const UniqueFd to, open_file(std::string(kTreeDirectory) + std::string(kRootDirectory),
                                         O_RDONLY | O_DIRECTORY));
  return write_tree(tree, from.get(), to.get(), mappings);
}

// Unpacks the image below the stage. The directory around the root is the user's own, whoever owns
// the root: it can be renamed.
Result<std::string> build(const Store& store, const ImageDetails& details,
                          const IdMappings& mappings, const Limits& limits,
                          const Progress& progress, const Stage& stage) {
  const std::string content = stage.path() + kContentDirectory;
  std::string place = stage.path() + kTreeDirectory;
  BOTHY_TRY(make_directories(content));
  BOTHY_TRY(make_directories(place + std::string(kRootDirectory)));
  BOTHY_TRY(const UniqueFd mapped, make_user_namespace(mappings));
  std::vector<UniqueFd> layers;
  ConfinedWork work;
  work.failure = "the image's files couldn't be unpacked";
  work.limits = limits;
  work.progress = progress;
  work.descriptors[kFirstConfinedFd] = mapped.get();
  work.files = ConfinedFiles::kWriteTree;
  work.directory = "/";
  work.capabilities = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER |
                      1ULL << CAP_FSETID | 1ULL << CAP_SETFCAP;
  work.prepare = [&]() -> Result<void> {
    BOTHY_TRY(layers, open_layers(store, details));
    return enter_stage(kFirstConfinedFd, stage.path());
  };
  work.run = [&](ParentLink& link) -> Result<std::string> {
    BOTHY_TRY(write_confined(std::move(layers), details, mappings, limits, progress_on(link)));
    return std::string();
  };
  BOTHY_TRY(run_confined(work));
  // Otherwise a file would have one link more than in the image.
  BOTHY_TRY(remove_mapped_tree(content));
  BOTHY_TRY(const UniqueFd directory, open_file(place, O_RDONLY | O_DIRECTORY));
  if (::syncfs(directory.get()) != 0) {
    return errno_error("can't write " + printable(place) + " to disk");
  }
  return place;
}

Result<void> build_cached(const Store& store, const Image& image, const ImageDetails& details,
                          const IdMappings& mappings, const Limits& limits,
                          const Progress& progress, const std::string& place) {
  BOTHY_TRY(const Addition addition, store.begin());
  auto built = build(store, details, mappings, limits, progress, addition.stage);
  if (!built) {
    return Error{built.error().code,
                 "can't unpack '" + image.title() + "': " + built.error().context};
  }
  return rename_file(built.value(), place);
}

}  // namespace

Result<Tree> ensure_tree(const Store& store, const Image& image, const IdMappings& mappings,
                         const Limits& limits, const Progress& progress) {
  const Digest& digest = image.manifest.digest;
  BOTHY_TRY(FileLock use, store.use(digest));
  // The image may have been removed since the caller found it; now it can't be.
  BOTHY_TRY(store.find(digest.text()));
  BOTHY_TRY(const ImageDetails details, store.details(image));
  if (details.manifest.is_disk()) {
    return make_error(ErrorCode::kUnsupported, "'{}' is a raw disk, which can't be unpacked",
                      image.title());
  }
  const std::string place = store.tree_path(digest, mappings);
  std::string path = place + std::string(kRootDirectory);
  if (exists(place)) {
    return Tree{std::move(path), std::move(use), false};
  }
  BOTHY_TRY(const FileLock alone,
            FileLock::wait(store.lock_path(), LockKind::kBuild, LockMode::kExclusive, digest));
  const bool missing = !exists(place);
  if (missing) {
    BOTHY_TRY(build_cached(store, image, details, mappings, limits, progress, place));
  }
  return Tree{std::move(path), std::move(use), missing};
}

}  // namespace bothy::image

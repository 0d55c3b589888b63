// A layer of any bytes, over one that is well, made into a disk.
#include <sys/mman.h>
#include <unistd.h>

#include "image/erofs/writer.h"
#include "image/tar/layer.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace bothy::image;
using bothy::fuzz::check;

void add_lower_layer(FileTree& tree) {
  tree.begin_layer();
  check(tree.add_directory("usr/bin", Attributes()).has_value());
  Inode link;
  link.type = FileType::kSymlink;
  link.target = "usr/bin";
  check(tree.add_file("bin", std::move(link)).has_value());
  check(tree.add_file("usr/bin/a", Inode()).has_value());
  check(tree.add_link("usr/bin/b", "usr/bin/a").has_value());
}

// Every name leads to an inode, and every inode has as many names as it says.
// NOLINTNEXTLINE(misc-no-recursion)
std::size_t count_names(const FileTree& tree, InodeNumber directory, std::vector<unsigned>& names) {
  std::size_t count = 0;
  for (const auto& [name, entry] : tree.inode(directory).directory->entries) {
    check(!name.empty() && name.size() <= FileTree::kMaxNameLength);
    check(name != "." && name != ".." && name.find('/') == std::string::npos);
    check(entry.inode < tree.number_limit());
    names[entry.inode] += 1;
    if (tree.inode(entry.inode).directory) {
      check(tree.inode(entry.inode).directory->parent == directory);
      count += count_names(tree, entry.inode, names);
    }
    count += 1;
  }
  return count;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bothy::UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  ErofsWriter writer(fd.get(), "disk");
  Limits limits;
  limits.set_size(4U << 20U);
  limits.set_inodes(1000);
  limits.metadata_bytes = 1U << 20U;
  Budget budget(limits);
  FileTree tree(budget, [&](const Inode& inode) { writer.discard(inode); });
  add_lower_layer(tree);
  MemorySource source(std::as_bytes(std::span(data, size)));
  const auto applied = apply_layer(source, tree, writer, budget);
  if (!applied) {
    check(!applied.error().context.empty());
    check(applied.error().context.find('\n') == std::string::npos);
    return 0;
  }
  for (const Resource resource : {Resource::kContent, Resource::kArchive, Resource::kEntries,
                                  Resource::kInodes, Resource::kMetadata, Resource::kSteps}) {
    check(budget.spent(resource) <= limits.of(resource));
  }
  check(tree.count() <= 1 + budget.spent(Resource::kInodes));
  std::vector<unsigned> names(tree.number_limit());
  names[FileTree::kRoot] = 1;
  count_names(tree, FileTree::kRoot, names);
  for (InodeNumber number = 0; number < tree.number_limit(); ++number) {
    check(tree.inode(number).links == names[number]);
  }
  check(writer.finish(tree, applied.value()).has_value());
  return 0;
}

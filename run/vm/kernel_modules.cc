#include "run/vm/kernel_modules.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/files.h"
#include "image/bytes/byte_source.h"
#include "image/bytes/unpack_source.h"

namespace bothy::run {
namespace {

constexpr std::uint64_t kMaxIndexSize = 32U << 20U;
constexpr std::size_t kMaxModuleSize = 64U << 20U;
constexpr int kMaxDepth = 64;  // dependency of a dependency

// Removes and returns the text before `separator`, which is removed too.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view front = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return front;
}

// "kernel/fs/overlayfs/overlay.ko.xz" and "overlay" are the same module.
std::string name_of(std::string_view file) {
  file = file.substr(file.rfind('/') + 1);
  std::string name(file.substr(0, file.find(".ko")));
  std::ranges::replace(name, '-', '_');
  return name;
}

Result<std::string> optional_file(const std::string& path) {
  return exists(path) ? read_file(path, kMaxIndexSize) : std::string();
}

Result<std::vector<std::byte>> unpacked(const std::string& path) {
  BOTHY_TRY(UniqueFd fd, open_regular(path));
  image::FileSource file(std::move(fd), path);
  BOTHY_TRY(const auto plain, image::PlainSource::open(file));
  std::vector<std::byte> content;
  constexpr std::size_t kBufferSize = 1U << 18U;
  for (;;) {
    const std::size_t filled = content.size();
    content.resize(filled + kBufferSize);
    BOTHY_TRY(const std::size_t got, image::read_up_to(*plain, std::span(content).subspan(filled)));
    content.resize(filled + got);
    if (got < kBufferSize) {
      return content;
    }
    if (content.size() > kMaxModuleSize) {
      return make_error(ErrorCode::kBadInput, "module {} has more than {} bytes", printable(path),
                        kMaxModuleSize);
    }
  }
}

struct Wanted {
  const char* name;
  bool optional = false;
};

std::vector<Wanted> wanted_modules(const RunOptions& options) {
  std::vector<Wanted> wanted{{"virtio_mmio"}, {"virtio_blk"},       {"erofs"},
                             {"overlay"},     {"virtio_rng", true}, {"vmw_vsock_virtio_transport"}};
  if (options.network != Network::kNone) {
    wanted.push_back({"virtio_net"});
  }
  if (!options.volumes.empty()) {
    wanted.push_back({"virtiofs"});
  }
  if (options.storage > 0) {
    wanted.push_back({"ext4"});
  }
  return wanted;
}

Result<ModuleIndex> read_index(const std::string& directory) {
  if (!exists(directory + "/modules.dep")) {
    return make_error(
        exists(directory) ? ErrorCode::kInvalid : ErrorCode::kNotFound,
        "--modules: {}/modules.dep doesn't exist: expected lib/modules/VERSION of the "
        "kernel, after 'depmod VERSION'",
        printable(directory));
  }
  BOTHY_TRY(const std::string dependencies, read_file(directory + "/modules.dep", kMaxIndexSize));
  BOTHY_TRY(const std::string builtin, optional_file(directory + "/modules.builtin"));
  BOTHY_TRY(const std::string soft, optional_file(directory + "/modules.softdep"));
  BOTHY_TRY(const std::string aliases, optional_file(directory + "/modules.alias"));
  return ModuleIndex::parse(dependencies, builtin, soft, aliases);
}

}  // namespace

Result<ModuleIndex> ModuleIndex::parse(std::string_view dependencies, std::string_view builtin,
                                       std::string_view soft_dependencies,
                                       std::string_view aliases) {
  ModuleIndex index;
  // "FILE: FILE..." with the last to be loaded first.
  while (!dependencies.empty()) {
    std::string_view line = cut(dependencies, '\n');
    const std::string_view file = cut(line, ':');
    if (file.starts_with('/') || file.find("..") != std::string_view::npos) {
      return make_error(ErrorCode::kBadInput,
                        "--modules: modules.dep names a file outside of its directory: {}",
                        printable(file));
    }
    Entry entry{std::string(file), {}};
    while (!line.empty()) {
      if (const std::string_view needed = cut(line, ' '); !needed.empty()) {
        entry.needs.insert(entry.needs.begin(), name_of(needed));
      }
    }
    index.entries_.insert_or_assign(name_of(file), std::move(entry));
  }
  while (!builtin.empty()) {
    index.builtin_.insert(name_of(cut(builtin, '\n')));
  }
  // "softdep NAME pre: NAME... post: NAME..."
  while (!soft_dependencies.empty()) {
    std::string_view line = cut(soft_dependencies, '\n');
    if (cut(line, ' ') != "softdep") {
      continue;
    }
    std::vector<std::string>& before = index.soft_[name_of(cut(line, ' '))];
    for (bool pre = false; !line.empty();) {
      const std::string_view word = cut(line, ' ');
      if (word.ends_with(':')) {
        pre = word == "pre:";
      } else if (pre && !word.empty()) {
        before.push_back(name_of(word));
      }
    }
  }
  // "alias PATTERN NAME": patterns are for devices, and not needed here.
  while (!aliases.empty()) {
    std::string_view line = cut(aliases, '\n');
    const bool alias = cut(line, ' ') == "alias";
    const std::string_view pattern = cut(line, ' ');
    if (alias && pattern.find_first_of("*?[:") == std::string_view::npos) {
      index.aliases_.emplace(name_of(pattern), name_of(line));
    }
  }
  return index;
}

bool ModuleIndex::has(const std::string& name) const {
  return entries_.contains(name) || builtin_.contains(name);
}

Result<void> ModuleIndex::add(const std::string& name, std::vector<std::string>& order) const {
  const auto entry = entries_.find(name);
  if (entry != entries_.end()) {
    return add_entry(entry->second, order, 0);
  }
  return builtin_.contains(name)
             ? Result<void>(success())
             : make_error(ErrorCode::kNotFound, "the kernel has no module '{}', built in or not",
                          name);
}

Result<void> ModuleIndex::add_entry(const Entry& entry, std::vector<std::string>& order,
                                    int depth) const {
  if (std::ranges::find(order, entry.file) != order.end()) {
    return success();
  }
  if (depth > kMaxDepth) {
    return make_error(ErrorCode::kBadInput,
                      "the kernel's modules depend on each other in a circle");
  }
  std::vector<std::string> first = entry.needs;
  // A soft dependency may be missing; an alias stands for modules.
  if (const auto soft = soft_.find(name_of(entry.file)); soft != soft_.end()) {
    for (const std::string& name : soft->second) {
      first.push_back(name);
      const auto [begin, end] = aliases_.equal_range(name);
      std::transform(begin, end, std::back_inserter(first),
                     [](const auto& alias) { return alias.second; });
    }
  }
  for (const std::string& name : first) {
    const auto needed = entries_.find(name);
    if (needed != entries_.end()) {
      BOTHY_TRY(add_entry(needed->second, order, depth + 1));
    }
  }
  order.push_back(entry.file);
  return success();
}

Result<std::vector<KernelModule>> read_modules(const std::string& directory,
                                               const RunOptions& options) {
  std::vector<KernelModule> modules;
  if (directory.empty()) {
    return modules;
  }
  BOTHY_TRY(const ModuleIndex index, read_index(directory));
  std::vector<std::string> order;
  for (const Wanted& wanted : wanted_modules(options)) {
    if (wanted.optional && !index.has(wanted.name)) {
      continue;
    }
    if (auto added = index.add(wanted.name, order); !added) {
      return make_error(added.error().code, "--modules {}: {}", printable(directory),
                        added.error().context);
    }
  }
  for (const std::string& file : order) {
    BOTHY_TRY(auto content, unpacked(directory + "/" + file));
    modules.push_back({name_of(file) + ".ko", std::move(content)});
  }
  return modules;
}

}  // namespace bothy::run

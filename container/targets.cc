#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <string_view>
#include <utility>

#include "container/plan_mounts.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;
constexpr std::uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr std::uint64_t kNoLink = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

std::string joined(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) {
    path += (path.empty() ? "" : "/") + part;
  }
  return path;
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (!part.empty() && part != ".") {
      parts.emplace_back(part);
    }
  }
  return parts;
}

// Without ".." in it, as the path of a spec is meant.
std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  for (std::string& part : split(path)) {
    if (part != "..") {
      parts.push_back(std::move(part));
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return parts;
}

}  // namespace

// Each missing part is made in the descriptor of its parent; what was made is opened without
// following a link that took its place meanwhile.
Slot plan_target(ContainerPlan& plan, Slot root, const std::string& path, TargetKind kind) {
  const std::vector<std::string> parts = path_parts(path);
  if (parts.empty()) {
    return root;
  }
  const std::string whole = joined(parts);
  const Slot target = plan.new_slot();
  // The calls below: one, and then three for each part.
  Call& all = plan.add_open(target, root, plan.keep(whole), O_PATH, kInRoot);
  all.tolerated[0] = {ENOENT};
  all.success_skips = static_cast<std::uint16_t>(3 * parts.size());
  Slot parent = root;
  std::string prefix;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    prefix += (prefix.empty() ? "" : "/") + parts[i];
    const Slot here = is_last ? target : plan.new_slot();
    Call& open = plan.add_open(here, root, plan.keep(prefix), O_PATH, kInRoot);
    open.tolerated[0] = {ENOENT};
    open.success_skips = 2;
    const Kept name = plan.keep(parts[i]);
    Call& make = is_last && kind == TargetKind::kFile
                     ? plan.add(SYS_mknodat, {parent, name, S_IFREG | kFileMode, 0})
                     : plan.add(SYS_mkdirat, {parent, name, kDirectoryMode});
    make.tolerated[0] = {EEXIST};
    plan.add_open(here, parent, name, O_PATH, kNoLink);
    parent = here;
  }
  return target;
}

std::string follow_links(int root, const std::string& path) {
  constexpr int kMaxLinks = 40;  // as the kernel has it
  std::vector<std::string> rest = path_parts(path);
  std::vector<std::string> done;
  int links = 0;
  while (!rest.empty()) {
    const std::string part = rest.front();
    rest.erase(rest.begin());
    if (part == "..") {
      if (!done.empty()) {
        done.pop_back();
      }
      continue;
    }
    done.push_back(part);
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(root, joined(done).c_str(), target.data(), target.size());
    if (size <= 0 || ++links > kMaxLinks) {
      continue;
    }
    target.resize(static_cast<std::size_t>(size));
    done.pop_back();
    if (target.starts_with('/')) {
      done.clear();
    }
    const std::vector<std::string> parts = split(target);
    rest.insert(rest.begin(), parts.begin(), parts.end());
  }
  return "/" + joined(done);
}

}  // namespace bothy::container

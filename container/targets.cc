#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <string_view>

#include "container/plan_mounts.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kFileMode = 0644;

std::string joined(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) {
    path += (path.empty() ? "" : "/") + part;
  }
  return path;
}

// With ".." in it, which is relative to where the link is.
std::vector<std::string> link_parts(std::string_view path) {
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

std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.emplace_back(part);
    }
  }
  return parts;
}

const void* how_to_open(ContainerPlan& plan, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return plan.keep(how);
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
  const void* in_root = how_to_open(plan, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  const void* made = how_to_open(plan, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  // The calls below: one, and then three for each part.
  Call& all = plan.add(SYS_openat2, {root, plan.keep(whole), in_root, sizeof(open_how)});
  all.result = target;
  all.tolerated[0] = {ENOENT};
  all.success_skips = static_cast<std::uint16_t>(3 * parts.size());
  Slot parent = root;
  std::string prefix;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    prefix += (prefix.empty() ? "" : "/") + parts[i];
    const Slot here = is_last ? target : plan.new_slot();
    Call& open = plan.add(SYS_openat2, {root, plan.keep(prefix), in_root, sizeof(open_how)});
    open.result = here;
    open.tolerated[0] = {ENOENT};
    open.success_skips = 2;
    const char* name = plan.keep(parts[i]);
    Call& make = is_last && kind == TargetKind::kFile
                     ? plan.add(SYS_mknodat, {parent, name, S_IFREG | kFileMode, 0})
                     : plan.add(SYS_mkdirat, {parent, name, kDirectoryMode});
    make.tolerated[0] = {EEXIST};
    plan.add(SYS_openat2, {parent, name, made, sizeof(open_how)}).result = here;
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
    const std::vector<std::string> parts = link_parts(target);
    rest.insert(rest.begin(), parts.begin(), parts.end());
  }
  return "/" + joined(done);
}

}  // namespace bothy::container

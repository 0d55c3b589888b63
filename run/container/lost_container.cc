#include "run/container/lost_container.h"

#include <fcntl.h>

#include <span>

#include "base/files.h"

namespace bothy::run {
namespace {

constexpr std::uint64_t kMaxPaths = 64U << 10U;

// The file holds one path a line.
std::string file_of(const Instance& instance) {
  return instance.at("cgroup");
}

}  // namespace

std::string cgroup_name(const Instance& instance) {
  const std::string& directory = instance.directory();
  return "bothy/" + directory.substr(directory.rfind('/') + 1);
}

std::vector<std::string> cgroup_places(const container::CgroupHost& host, const std::string& name) {
  std::vector<std::string> places;
  if (!host.unified.empty()) {
    places.push_back(host.unified + "/" + name);
  }
  for (const container::CgroupHost::Hierarchy& hierarchy : host.hierarchies) {
    places.push_back(hierarchy.mount_point + "/" + name);
  }
  return places;
}

Result<void> remember_cgroup(const Instance& instance, const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) {
    text += path + "\n";
  }
  const std::string file = file_of(instance);
  BOTHY_TRY(const UniqueFd fd, open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  return write_all(fd.get(), std::as_bytes(std::span(text)), file);
}

void forget_cgroup(const Instance& instance) noexcept {
  ::unlink(file_of(instance).c_str());
}

Result<bool> clear_lost_container(const Instance& instance) {
  if (!exists(file_of(instance))) {
    return false;
  }
  BOTHY_TRY(const std::string text, read_file(file_of(instance), kMaxPaths));
  std::vector<std::string> paths;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    paths.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  auto cgroup = container::Cgroup::open(paths);
  if (cgroup) {
    BOTHY_TRY(cgroup.value().kill());
    BOTHY_TRY(cgroup.value().remove());
  } else if (cgroup.error().code != ErrorCode::kNotFound) {
    return cgroup.error();
  }
  forget_cgroup(instance);
  return true;
}

}  // namespace bothy::run

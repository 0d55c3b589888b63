// Making cgroups: directories, and the controllers on the way to them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// "/a/b" for "a//b/./"; kInvalid for the root, for "..", and for names that no cgroup can have.
[[nodiscard]] Result<std::string> normalise_cgroup_path(std::string_view path);

// The directories that were made; removed with this object unless they are kept.
class NewCgroups {
 public:
  NewCgroups() = default;
  NewCgroups(const NewCgroups&) = delete;
  NewCgroups& operator=(const NewCgroups&) = delete;
  ~NewCgroups();

  void add(std::string path) { paths_.push_back(std::move(path)); }
  void keep() noexcept { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

// Where a cgroup is to be made: `mount` + `base` + `path`. `base` ("" or "/x") exists.
struct CgroupPlace {
  std::string mount;
  std::string base;
  std::string path;

  [[nodiscard]] std::string directory() const { return mount + base + path; }
};

// Enables controllers for the children of the cgroup `mount` + `cgroup` ("" or "/a/b"), and for
// those of all above it. `wanted` ones as far as that is possible.
[[nodiscard]] Result<void> enable_controllers(const std::string& mount, const std::string& cgroup,
                                              const std::vector<std::string>& needed,
                                              const std::vector<std::string>& wanted);

// A new cgroup of v2 that has the controllers.
[[nodiscard]] Result<UniqueFd> make_cgroup_v2(const CgroupPlace& place,
                                              const std::vector<std::string>& needed,
                                              const std::vector<std::string>& wanted,
                                              NewCgroups& made);
// A new cgroup of a v1 hierarchy. In cpuset the CPUs and memory nodes are the parent's.
[[nodiscard]] Result<UniqueFd> make_cgroup_v1(const CgroupPlace& place, bool cpuset,
                                              NewCgroups& made);

// The cgroup `own` and those above it in which this user may make cgroups and move processes, the
// nearest first, as bases of a CgroupPlace (cgroup-v2.rst, Delegation).
[[nodiscard]] std::vector<std::string> delegated_cgroups(const std::string& mount,
                                                         const std::string& own);

}  // namespace bothy::container

// NewCgroup: the cgroup of a container that is being made, by the driver that the caller chose.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "container/cgroup.h"
#include "container/launcher.h"
#include "container/spec.h"
#include "oci/verbs.h"

namespace bothy::oci {

// A process that does nothing, in a scope that systemd doesn't start without one. Killed with this
// object.
class Placeholder {
 public:
  [[nodiscard]] static Result<Placeholder> start();
  Placeholder() = default;
  Placeholder(Placeholder&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Placeholder& operator=(Placeholder&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Placeholder() { end(); }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void end() noexcept;

 private:
  pid_t pid_ = 0;  // 0: none
};

class NewCgroup {
 public:
  // After a failure nothing is left. None is made with CgroupDriver::kNone.
  [[nodiscard]] static Result<NewCgroup> make(const CreateOptions& options,
                                              const container::OciSpec& spec);

  // Where a process of the container's is started.
  void place(container::LaunchOptions& launch) const;
  // Once the container's process is in it.
  [[nodiscard]] Result<void> settle();

  // Null: there is none.
  [[nodiscard]] container::Cgroup* get() noexcept { return cgroup_ ? &*cgroup_ : nullptr; }
  // What delete needs of it.
  void describe(Record& record) const;
  // It has no processes any more.
  [[nodiscard]] Result<void> remove();

 private:
  [[nodiscard]] Result<void> make_scope(const CreateOptions& options,
                                        const container::OciSpec& spec);
  [[nodiscard]] Result<void> fill_scope(const container::CgroupHost& host,
                                        const container::OciSpec& spec,
                                        const container::Resources& resources);

  std::optional<container::Cgroup> cgroup_;
  std::string unit_;          // of systemd's; empty: none
  Placeholder placeholder_;   // in the unit
  bool one_process_ = false;  // the limit is one process, and there are two as yet
};

// Changes the limits of a container's cgroup by the driver that made it.
[[nodiscard]] Result<void> change_limits(const Record& record, container::Cgroup& cgroup,
                                         const container::Resources& resources);

// Kills all processes of a container's cgroup and removes it. None is no error.
[[nodiscard]] Result<void> remove_cgroup(const Record& record);

}  // namespace bothy::oci

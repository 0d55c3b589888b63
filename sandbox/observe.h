// What confines the threads of a process, as the kernel tells it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sandbox/filters.h"

namespace bothy::sandbox {

struct ObservedThread {
  std::string name;
  // By the thread's name: it tells which filter a thread of bothy has, if it has one.
  std::optional<Role> role;
  bool has_filter = false;
  bool no_new_privileges = false;
  bool has_capabilities = false;  // effective ones
  bool has_empty_root = false;    // as of sandbox/namespaces.h
};

// The role of a thread of bothy with this name.
[[nodiscard]] std::optional<Role> role_of_thread(std::string_view name) noexcept;

// One thread, from the texts of its `status` and `mountinfo` in /proc/PID/task/TID.
[[nodiscard]] ObservedThread observe_thread(std::string_view status, std::string_view mounts);

// The threads of a process, the main one first, which has `main_role`; empty when it doesn't run.
[[nodiscard]] std::vector<ObservedThread> observe(pid_t process, Role main_role);

// Layers that this kernel lacks, for people: "Landlock for TCP (ABI 4, Linux 6.7)".
[[nodiscard]] std::vector<std::string> missing_layers();

}  // namespace bothy::sandbox

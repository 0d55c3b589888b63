// Confinement of a process of bothy that runs a guest: what it gives up, and when.
//
//   prepare() -- before the process has threads: hygiene, namespaces, the Landlock ruleset, the
//   report of
//       |        violations. Threads that enter a role from now on (base/thread_role.h) are
//       confined v        by themselves, each when its set-up is over
//   close_doors() -- once all is open, before the guest runs: what only then can be given up
//       |
//       v
//   confine_main() -- the calling thread, when it has started the others
//
// Static, since a process is confined once and for all.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/filters.h"
#include "sandbox/landlock.h"

namespace bothy::sandbox {

enum class Mode { kOff, kOn };

// "on" or "off"; kInvalid otherwise.
[[nodiscard]] Result<Mode> parse_mode(std::string_view text);

struct AllowedPath {
  std::string path;
  unsigned access;  // of Landlock
};

struct Policy {
  Role main;
  // What may still be reached by path: by the main thread, and by all others.
  std::vector<AllowedPath> main_paths;
  std::vector<AllowedPath> other_paths;
  // In a build with sanitizers: allow what these call.
  bool with_sanitizers = true;
  // The root of the main thread's mount namespace (Namespaces::enter_thread()); -1: an empty one.
  int main_root = -1;
};

// Nothing is done with Mode::kOff, but for the warning that the caller gives. Errors: a layer that
// the kernel has can't be used. Layers that the kernel lacks are left out (observe.h).
[[nodiscard]] Result<void> prepare(Mode mode, const Policy& policy);
[[nodiscard]] Result<void> close_doors();
// Ends the process where it fails: nobody could end it in order any more.
void confine_main() noexcept;

}  // namespace bothy::sandbox

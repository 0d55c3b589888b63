// The part of a plan that makes a container's file system: its root, mounts, devices, and the paths
// that are hidden or read-only.
//
// Paths in the root are reached by descriptors alone: the root may contain any links, and a
// volume's content may change meanwhile (CVE-2021-30465, CVE-2024-45310). Everything is mounted
// before pivot_root(2), so that the host's files are sources of mounts by their own paths.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/launcher.h"
#include "container/plan.h"
#include "container/spec.h"

namespace bothy::container {

struct FileSystemPlan {
  Slot root;      // the root directory
  Slot terminal;  // the process's side of a terminal; none without one
};

// Adds the calls up to pivot_root(2), the working directory being "/" then; or, for a process that
// stays outside, up to the last mount, `root` being the host's. kInvalid for mounts and
// devices that can't be made.
[[nodiscard]] Result<FileSystemPlan> plan_file_system(ContainerPlan& plan, const OciSpec& spec,
                                                      const LaunchOptions& options);

// Adds calls that open a directory or file at `path` below `root`, and make it, with missing
// parents, where it doesn't exist. Links are followed within the root.
enum class TargetKind { kDirectory, kFile };
[[nodiscard]] Slot plan_target(ContainerPlan& plan, Slot root, const std::string& path,
                               TargetKind kind);

// `path` with the links on the way followed within `root`, a descriptor, as far as that exists: a
// link to what doesn't exist gives the path where that would be. The result is looked up anew, and
// is as untrusted as `path`.
[[nodiscard]] std::string follow_links(int root, const std::string& path);

}  // namespace bothy::container

// The part of a plan that makes a container's /dev.
#pragma once

#include "base/result.h"
#include "container/launcher.h"
#include "container/plan.h"
#include "container/spec.h"

namespace bothy::container {

// What the plan has mounted on /dev and below.
struct DevicePlaces {
  Slot directory;         // of /dev, a tmpfs; none: that of the root file system
  Slot terminals;         // a devpts
  bool is_bound = false;  // /dev is a bind mount: the host's owner fills it
};

// Adds the calls that make the default devices (config-linux.md, Default Devices), those of the
// spec, the links of runtime-linux.md, Dev symbolic links, and /dev/console. Returns the process's
// side of its terminal; none when the process has none. kInvalid for a terminal without a devpts.
[[nodiscard]] Result<Slot> plan_devices(ContainerPlan& plan, const OciSpec& spec,
                                        const LaunchOptions& options, Slot root,
                                        const DevicePlaces& places);

// Adds the calls that make a terminal in `terminals`, a devpts, and send its master to
// `console_socket`, or as a report when that is -1. Returns the process's side.
[[nodiscard]] Slot plan_new_terminal(ContainerPlan& plan, Slot terminals, const Process& process,
                                     int console_socket);

// Likewise in the devpts on dev/pts below `root`.
[[nodiscard]] Slot plan_terminal_below(ContainerPlan& plan, Slot root, const Process& process,
                                       int console_socket);

}  // namespace bothy::container

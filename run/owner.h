// What runs an instance as a microVM: the process that owns it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/import/disk_builder.h"
#include "run/instance.h"
#include "run/instances.h"
#include "run/kernel_modules.h"
#include "run/run_options.h"
#include "run/run_spec.h"
#include "run/timeline.h"

namespace bothy::run {

struct OwnedRun {
  RunOptions options;
  Settings settings;
  ProcessSpec process;
  image::Disk disk;
  std::vector<KernelModule> modules;
  Instances instances;
  Instances::Created created;
  Timeline timeline;
  UniqueFd client;  // of the one who started it, as if connected to `api`; may be empty
};

// Runs it to its end, in a process of its own, whose only thread calls this. What fails is told to
// the client, and in the instance's state. Gives the process's exit status.
int run_owner(OwnedRun run);

}  // namespace bothy::run

// Starting an instance: everything from an image's name to a process that owns what runs.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/store/store.h"
#include "run/held_signals.h"
#include "run/instance.h"
#include "run/instances.h"
#include "run/run_options.h"
#include "run/timeline.h"

namespace bothy::run {

struct Started {
  Instance instance;
  Settings settings;
  Timeline timeline;  // until its owner was there
  UniqueFd socket;    // to its owner: attached, or, of a detached one, where it says that it runs
  UniqueFd messages;  // its owner.log: what its owner had to say, to be read from its beginning
  HeldSignals held;   // until somebody can pass them on
};

// The process that calls must have one thread. Its owner is a child in a session of its own, which
// nothing that happens to the caller ends. Codes: kNotFound for an image or kernel that isn't
// there, kBusy for a name in use, and those of image::ensure_disk().
[[nodiscard]] Result<Started> start(const RunOptions& options, const image::Progress& progress);

}  // namespace bothy::run

// start(): from the name of an image to a process that owns the running instance.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/store/store.h"
#include "run/held_signals.h"
#include "run/instance.h"
#include "run/instances.h"
#include "run/isolation.h"
#include "run/run_options.h"
#include "run/timeline.h"

namespace bothy::run {

struct Started {
  Instance instance;
  Settings settings;
  Timeline timeline;  // until the owner's process began
  UniqueFd socket;    // to the owner: attached, or receiving the start's outcome when detached
  UniqueFd messages;  // the instance's owner.log, to be read from its beginning
  HeldSignals held;   // until the caller can pass signals on
};

// The calling process must have one thread. The owner is a child in a session of its own, which
// outlives the caller. Errors: kNotFound for an image or a file of the isolation that doesn't
// exist, kBusy for a name in use, and those of find_image() and of the isolation's functions.
[[nodiscard]] Result<Started> start(const RunOptions& options, const IsolationKind& isolation,
                                    const image::Progress& progress);

}  // namespace bothy::run

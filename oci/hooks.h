// Hooks of a config.json (runtime-spec, config.md, POSIX-platform Hooks).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/spec.h"
#include "oci/record.h"

namespace bothy::oci {

// Runs each hook in turn in the host's namespaces, with `state` as its stdin, and waits for its
// end. The first that fails, or doesn't end within its timeout, ends this with an error that has
// the end of the hook's output.
[[nodiscard]] Result<void> run_hooks(const std::vector<container::Hook>& hooks, const char* kind,
                                     const std::string& state);

// The hooks of a container that runs, and of one that has been deleted: their failures are logged
// (runtime-spec, runtime.md, Lifecycle).
void run_poststart(const Record& record);
void run_poststop(const Record& record);

// kUnsupported for a kind of hook that bothy doesn't run.
[[nodiscard]] Result<void> check_hooks(const container::Hooks& hooks);

}  // namespace bothy::oci

// Hooks that a new process runs in its own namespaces. Part of the stage, a program without a C++
// library.
#pragma once

#include "container/stage/plan_format.h"

namespace bothy::container {

// Sends a report, with a descriptor unless that is -1, and waits for the answer. -1 with errno set
// when the parent has gone.
[[nodiscard]] long pause_with(int reports, Report::Kind kind, int descriptor) noexcept;

struct HookArguments {
  const char* path;
  char** arguments;
  char** environment;
  int directory;            // of the hook; -1: the process's own
  const char* description;  // of a failure to execute it
};

// Runs one hook and reports its end. A hook that fails ends this process. -1 with errno set when
// the hook couldn't be started.
[[nodiscard]] long run_hook(int reports, const HookArguments& hook) noexcept;

}  // namespace bothy::container

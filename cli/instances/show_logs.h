// show_logs(): the output of `bothy logs`.
#pragma once

#include "base/result.h"
#include "run/instance.h"

namespace bothy {

// Prints the instance's log, each line on the stream that it came from. With `follow`, until the
// instance has ended or stdout is closed.
[[nodiscard]] Result<void> show_logs(const run::Instance& instance, bool follow, bool timestamps);

}  // namespace bothy

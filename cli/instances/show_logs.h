// What `bothy logs` prints.
#pragma once

#include "base/result.h"
#include "run/instance.h"

namespace bothy {

// The instance's log, each line on the stream that it came from. With `follow`, until the instance
// has ended or nobody reads our stdout any more.
[[nodiscard]] Result<void> show_logs(const run::Instance& instance, bool follow, bool timestamps);

}  // namespace bothy

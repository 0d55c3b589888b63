// Orphans: the requests of a split queue that a process took and never completed, as far as the
// rings show them.
#pragma once

#include <optional>
#include <vector>

#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

struct Orphans {
  QueueState state;                  // of a queue that continues behind them
  std::vector<std::uint16_t> heads;  // each once, in any order
};

// No other process may serve the queue any more. A driver that continues meanwhile harms only
// itself. Nothing when the rings are inconsistent. Exact where the queue was idle recently, or its
// requests were completed in order; otherwise the most probable answer: an entry of a ring is
// overwritten after as many others as the queue has, whether its request is completed or not.
[[nodiscard]] std::optional<Orphans> find_orphans(const GuestMemory& memory,
                                                  const QueueConfig& config);

}  // namespace bothy::virtio

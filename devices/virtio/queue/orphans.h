// Orphans: the requests of a split queue that a process took and never completed, as far as the
// rings tell.
#pragma once

#include <optional>
#include <vector>

#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

struct Orphans {
  QueueState state;                  // of a queue that goes on behind them
  std::vector<std::uint16_t> heads;  // each once, in any order
};

// Nobody else may serve the queue any more. A driver that goes on meanwhile harms only itself.
// Nothing when the rings make no sense. Otherwise the truth where the queue was idle now and then
// of late, or its requests were done in order, and the likeliest where not: an entry of a ring is
// written over after as many others as the queue has, whether its request is done or not.
[[nodiscard]] std::optional<Orphans> find_orphans(const GuestMemory& memory,
                                                  const QueueConfig& config);

}  // namespace bothy::virtio

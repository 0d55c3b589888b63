// How the file system device answers requests without a back end: with ENOTCONN. Requests without
// an answer would never end in the guest.
#pragma once

#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Answers a FUSE request with ENOTCONN. A request that expects no answer is completed empty.
void answer_not_connected(Chain chain) noexcept;

// Makes a queue that continues where a back end that has ended left the rings, and answers the
// requests that the back end had taken and not completed. Null if the rings are inconsistent.
[[nodiscard]] std::unique_ptr<Queue> take_over_fs_queue(const GuestMemory& memory,
                                                        const QueueConfig& config,
                                                        RingFeatures features);

}  // namespace bothy::virtio

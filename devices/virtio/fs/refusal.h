// What a file system device answers when nobody serves it any more: that it isn't connected. A
// request that nobody answers would never end in the guest.
#pragma once

#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Answers a FUSE request with ENOTCONN, or gives back one that wants no answer.
void refuse_fs_request(Chain chain) noexcept;

// The queue from where a back end that is gone has left it, with all that it left undone refused.
// Null when the rings don't tell what that is.
[[nodiscard]] std::unique_ptr<Queue> take_over_fs_queue(const GuestMemory& memory,
                                                        const QueueConfig& config,
                                                        RingFeatures features);

}  // namespace bothy::virtio

// open_disk_ring(): an io_uring that does what disks need and nothing else. A ring's operations are
// system calls that a seccomp filter doesn't see, so the ring itself is restricted
// (io_uring_register(2), IORING_REGISTER_RESTRICTIONS): to reading, writing, fsync, fallocate and
// poll, and to the files registered here. Anything else fails with EACCES, further registrations
// included, until the ring is closed.
#pragma once

#include <liburing.h>

#include <span>

namespace bothy {

// `files` are the only ones; operations name them by their index, with IOSQE_FIXED_FILE. -1: an
// index without a file. The ring belongs to the calling thread; the caller closes it by
// io_uring_queue_exit(). Returns 0, or -errno, -ENOSYS before Linux 5.13.
[[nodiscard]] int open_disk_ring(unsigned entries, std::span<const int> files,
                                 io_uring& ring) noexcept;

}  // namespace bothy

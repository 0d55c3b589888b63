// Locks against two programs that write to one disk.
#pragma once

#include <string>

#include "base/result.h"

namespace bothy {

// Follows QEMU's protocol of open file description locks (its block/file-posix.c), so that bothy,
// QEMU and qemu-img respect each other's disks: a program holds a shared lock on byte 100+n for
// each permission that it uses and on byte 200+n for each that it denies to others, and checks the
// opposite bytes for locks of others. Shared locks suffice, so a file opened for reading can be
// locked too.
//
// A writer excludes all other programs, a reader excludes writers. The locks last as long as the
// open file description of `fd`. kBusy when another program has the disk. On a file system without
// such locks the disk stays unlocked, with a warning.
[[nodiscard]] Result<void> lock_disk(int fd, const std::string& path, bool writer);

// Releases what lock_disk() holds, now: a ring that had the file drops it some time after it was
// closed, and the locks would go with it.
void unlock_disk(int fd) noexcept;

}  // namespace bothy

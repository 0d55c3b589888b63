// Keeps two programs from writing to one disk.
#pragma once

#include <string>

#include "base/result.h"

namespace bothy {

// Takes part in QEMU's protocol of open-file-description locks (its block/file-posix.c), so that
// bothy, QEMU and qemu-img keep off each other's disks: for everything a program does to an image
// it holds a shared lock on byte 100+n, for everything it can't bear others to do one on byte
// 200+n, and it looks for locks of others on the opposite bytes. Shared locks do for both, so a
// file opened for reading can be locked too.
//
// A writer bears no other program, a reader bears readers. The locks last as long as the open file
// that `fd` stands for. kBusy when another program has the disk. Where the file system knows no
// such locks, the disk goes unlocked, with a warning.
[[nodiscard]] Result<void> lock_disk(int fd, const std::string& path, bool writer);

}  // namespace bothy

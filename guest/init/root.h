// Makes the image the guest's root, with the file systems that Linux programs expect.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

// Mounts devtmpfs at /dev of the initramfs, for the disks. enter_root() moves it into the root.
void mount_devices();

// Makes the image the root of all paths: its disk read-only under an overlay of a scratch disk or
// of memory; then mounts /proc, /sys and the file systems in /dev. Ends the guest on an error.
void enter_root(const Config& config);

// The last step: makes the root read-only if the configuration says so.
void seal_root(const Config& config);

// Writes everything to disk and freezes the scratch disk. No other process may be left.
void settle_disks();

}  // namespace bothy::init

// The image as this guest's root, and what every Linux program expects around it.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

// devtmpfs at /dev of the initramfs: disks are found there. It moves along into the root.
void mount_devices();

// Makes the image the root, of all paths used from here on: its disk read-only under an overlay of
// a scratch disk or of memory; then /proc, /sys, /dev and what belongs in them. Ends the guest when
// it can't.
void enter_root(const Config& config);

// The last step: from here on the root is read-only if the configuration says so.
void seal_root(const Config& config);

// Everything written is on its disk and the scratch disk's journal is empty. No process may be
// left.
void settle_disks();

}  // namespace bothy::init

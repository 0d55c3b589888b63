// Files and mounts that the host asked for, in the root that is already entered: no path and no
// link of the image leads out of it.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

// Each ends the guest when the value breaks the protocol or the thing can't be done.
void write_root_file(Text value);
void mount_volume(Text value);

}  // namespace bothy::init

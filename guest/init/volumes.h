// Files and mounts from the configuration, made in the entered root: no path or link of the image
// leads out of it.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

// Both end the guest on an error.
void write_root_file(Text value);
void mount_volume(Text value);

}  // namespace bothy::init

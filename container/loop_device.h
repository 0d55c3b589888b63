// Loop devices: a file as a block device (loop(4)).
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// Goes away when its last descriptor is closed and it isn't mounted any more, whoever dies.
struct LoopDevice {
  UniqueFd fd;
  std::string path;  // "/dev/loop0"
};

// `file` is open for reading, and unless `read_only` for writing. Any number of processes may do so
// at once. kUnsupported, with the remedy, where the kernel has no loop devices.
[[nodiscard]] Result<LoopDevice> make_loop_device(int file, bool read_only);

}  // namespace bothy::container

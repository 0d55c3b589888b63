// ShareSandbox: where a program is started that is to see one directory of the host, or one file.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace bothy {

struct ShareSandbox {
  // Where the program finds the directory, and the descriptor of the socket that it listens on.
  static constexpr const char* kMountPoint = "/mnt";
  static constexpr int kListener = 3;

  int directory = -1;
  const char* file = nullptr;  // of the directory, to be seen alone; and which one it is
  dev_t file_device = 0;
  ino_t file_inode = 0;
  bool read_only = false;
  int nothing = -1;  // stdin and stdout
  int words = -1;    // stderr, and what goes wrong on the way
  int listener = -1;
};

// Starts a program, by its absolute path, in a mount namespace of its own in which the directory is
// at kMountPoint, its submounts with it, writable or not, or an empty one with the file in it,
// where nothing can be made. Where the caller may not make one, in a user namespace of its own
// first. It has a session of its own too, so that no key of a terminal ends it, and no descriptor
// but those above.
//
// Only what takes place in this process is an error: the rest is said on `words` by the new
// process, which then ends. It is the caller's to wait for.
[[nodiscard]] Result<pid_t> start_in_sandbox(const ShareSandbox& sandbox,
                                             std::vector<std::string> command);

}  // namespace bothy

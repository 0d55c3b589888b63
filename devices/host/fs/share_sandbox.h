// ShareSandbox: a program that sees one directory of the host, or one file, and nothing else of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"

namespace bothy {

struct ShareSandbox {
  // Where the program finds the directory, and the descriptor of its listening socket.
  static constexpr const char* kMountPoint = "/mnt";
  static constexpr int kListener = 3;

  int directory = -1;
  std::string file = {};  // a name in the directory, to be shared alone; empty: the directory
  dev_t file_device = 0;  // which file that is
  ino_t file_inode = 0;
  bool read_only = false;
  int listener = -1;
};

// Starts a program, by its absolute path, in a mount namespace of its own. At kMountPoint it has
// the directory with its submounts, writable or read-only; or a read-only file system that holds
// the one file. A caller that may not create mount namespaces gets a user namespace first, in which
// root stands for the caller's user. The program leads a session of its own, so no key of a
// terminal ends it; its stderr is captured, and unread output is dropped.
//
// Waits until the program runs: whatever fails before is an error.
[[nodiscard]] Result<Process> start_in_sandbox(const ShareSandbox& sandbox,
                                               std::vector<std::string> command);

}  // namespace bothy

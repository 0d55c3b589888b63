#include "guest/init/directories.h"

#include <errno.h>
#include <sys/stat.h>

namespace bothy::init {

Text parent_of(Text path) {
  while (path.size > 0 && path.data[path.size - 1] == '/') --path.size;
  while (path.size > 0 && path.data[path.size - 1] != '/') --path.size;
  return path;
}

bool make_directories(Text path) {
  Line made;
  for (size_t i = 0; i < path.size; ++i) {
    made.add(Text(path.data + i, 1));
    const bool component = i + 1 == path.size || path.data[i + 1] == '/';
    if (!component || path.data[i] == '/') continue;
    if (mkdir(made.string(), 0755) != 0 && errno != EEXIST && errno != EROFS) return false;
  }
  // Detects a file in the way, and a directory missing in a read-only file system.
  struct stat status;
  if (path.size == 0 || stat(made.string(), &status) == 0) {
    errno = ENOTDIR;
    return path.size == 0 || S_ISDIR(status.st_mode);
  }
  return false;
}

}  // namespace bothy::init

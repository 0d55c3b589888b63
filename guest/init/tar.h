// Tar archives between a stream and the file system: ustar with pax's long names and numbers, and
// GNU's when reading. Blocking: to be called in a separate process.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// The result of a copy; error 0 is success.
struct CopyResult {
  int error = 0;
  Line message;
};

// Unpacks an archive from `from` into the existing directory `path`. Names with ".." are refused,
// existing files are replaced, existing directories kept. Files get the archive's owners, modes and
// times.
void unpack_tar(int from, const char* path, CopyResult& result);

// Writes `path` and everything below it, with names that start with its last component. Links are
// sent as links; sockets are left out.
void pack_tar(int to, const char* path, CopyResult& result);

}  // namespace bothy::init

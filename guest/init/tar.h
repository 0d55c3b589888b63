// Files as tar archives, between a stream and the file system: ustar with pax's long names and
// numbers, and GNU's when reading. Blocking; for a process of its own.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Why a copy came to its end too early; error 0 says that it did not.
struct CopyResult {
  int error = 0;
  Line message;
};

// Unpacks what comes from `from` below the directory `path`, which must be there. Names with ".."
// are refused, an existing file is replaced, an existing directory stays. Owners, modes and times
// of files are the archive's.
void unpack_tar(int from, const char* path, CopyResult& result);

// Sends `path` and all below it, by names that begin with its last component. Links are sent as
// links; sockets aren't sent.
void pack_tar(int to, const char* path, CopyResult& result);

}  // namespace bothy::init

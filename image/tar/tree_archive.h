// archive_tree() and archive_path(): files as a tar archive.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "image/bytes/byte_source.h"
#include "image/store/store.h"

namespace bothy::image {

// Writes all of `directory` to `out`, piece by piece: a pax archive with names in byte order,
// owners, modes, times, extended attributes, hard links, holes and devices. The same tree gives the
// same bytes. Other file systems mounted in the directory and sockets are left out. Fails when a
// file can't be read or changes while it is read; an error of `out` ends the call with that error.
[[nodiscard]] Result<void> archive_tree(const std::string& directory, const Progress& progress,
                                        const std::function<Result<void>(Bytes)>& out);

// Options of archive_path().
struct ArchiveForm {
  std::string name;      // of `path` in the archive; empty: only the entries of a directory
  bool follow = false;   // follow `path` itself when it is a symbolic link
  bool as_root = false;  // root owns all entries
};

// Writes a file, a link, or a directory with everything below it, mounted file systems included: a
// pax archive with owners, modes, times, hard links and devices, for simple readers: without
// extended attributes and holes. Sockets are left out.
[[nodiscard]] Result<void> archive_path(const std::string& path, const ArchiveForm& form,
                                        const Progress& progress,
                                        const std::function<Result<void>(Bytes)>& out);

}  // namespace bothy::image

// archive_tree() and archive_path(): files as a tar archive.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "image/bytes/byte_source.h"
#include "image/store/store.h"

namespace bothy::image {

// Writes all of `directory` to `out`, piece by piece: a pax archive with names in byte order,
// owners, modes, times, extended attributes, hard links, holes and devices, and no more: the same
// tree gives the same bytes. What is mounted in it is left out, and so are sockets. Fails when
// something can't be read, or changes meanwhile.
[[nodiscard]] Result<void> archive_tree(const std::string& directory, const Progress& progress,
                                        const std::function<Result<void>(Bytes)>& out);

// How archive_path() goes about it.
struct ArchiveForm {
  std::string name;      // of `path` in the archive, with all below it; empty: only what is below
  bool follow = false;   // where `path` itself is a link, what it leads to
  bool as_root = false;  // all is root's, whoever has it here
};

// Writes a file, a link, or a directory with all below it, what is mounted there too: a pax archive
// of owners, modes, times, hard links and devices, and nothing that a simple reader might not
// understand: no extended attributes, no holes. Sockets are left out.
[[nodiscard]] Result<void> archive_path(const std::string& path, const ArchiveForm& form,
                                        const Progress& progress,
                                        const std::function<Result<void>(Bytes)>& out);

}  // namespace bothy::image

// archive_tree(): a directory as a tar archive.
#pragma once

#include <functional>
#include <string>

#include "image/byte_source.h"
#include "image/store.h"
#include "vmm/base/result.h"

namespace bothy::image {

// Writes all of `directory` to `out`, piece by piece: a pax archive with names in byte order,
// owners, modes, times, extended attributes, hard links, holes and devices, and no more: the same
// tree gives the same bytes. What is mounted in it is left out, and so are sockets. Fails when
// something can't be read, or changes meanwhile.
[[nodiscard]] Result<void> archive_tree(const std::string& directory, const Progress& progress,
                                        const std::function<Result<void>(Bytes)>& out);

}  // namespace bothy::image

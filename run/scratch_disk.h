// The scratch disk of an instance, which holds what its processes write (--storage): root's
// containers mount it, microVMs get it as a disk.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "run/instance.h"

namespace bothy::run {

[[nodiscard]] std::string scratch_disk_path(const Instance& instance);

// A sparse file of `size` bytes with an empty ext4, made by mke2fs. kUnsupported when mke2fs isn't
// installed.
[[nodiscard]] Result<void> make_scratch_disk(const std::string& path, std::uint64_t size);

}  // namespace bothy::run

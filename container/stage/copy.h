// Copies of directories, for tmpfs that begin with the files that they cover. Part of the stage, a
// program without a C++ library: system calls alone, nothing is allocated.
#pragma once

namespace bothy::container {

// Of kCopyDirectory.
enum CopiedParts : long { kCopyMode = 1, kCopyContent = 2 };

// Copies from one directory into another; `from` may be a descriptor of O_PATH, or -1: there is
// nothing to copy. Files keep owners, modes, modification times; links are copied, never followed;
// of special files those are made that this process may make. -1 with errno set: ELOOP for
// directories nested too deeply.
[[nodiscard]] long copy_directory(int from, int to, long parts) noexcept;

}  // namespace bothy::container

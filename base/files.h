// Whole reads and writes, atomic replacement, trees removed without following links. Errors name
// the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// open(2), with O_CLOEXEC added.
[[nodiscard]] Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode = 0);

// Opens a file for reading, without waiting for the other end of a FIFO; kBadInput when the file is
// not a regular file.
[[nodiscard]] Result<UniqueFd> open_regular(const std::string& path);

// Sets O_NONBLOCK, for every process that shares the descriptor.
[[nodiscard]] Result<void> set_nonblocking(int fd);

[[nodiscard]] Result<std::uint64_t> size_of(int fd, const std::string& path);

// The content of a regular file; kBadInput when it has more than `limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::uint64_t limit);

// Writes all bytes, at the file's position or at `offset`.
[[nodiscard]] Result<void> write_all(int fd, std::span<const std::byte> bytes,
                                     const std::string& path);
[[nodiscard]] Result<void> write_all_at(int fd, std::span<const std::byte> bytes,
                                        std::uint64_t offset, const std::string& path);

// Everything up to the end of the file, whatever its size is said to be: for files of the kernel's,
// of which nobody else decides how long they are.
[[nodiscard]] Result<std::string> read_to_end(int fd, const std::string& path);

// Makes `text` the content of the file, by a file beside it that takes its place at once.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view text,
                                        unsigned mode);

[[nodiscard]] Result<void> sync_data(int fd, const std::string& path);
[[nodiscard]] Result<void> rename_file(const std::string& from, const std::string& to);

// Creates a directory and its missing parents, with mode 0700.
[[nodiscard]] Result<void> make_directories(const std::string& path);

[[nodiscard]] bool exists(const std::string& path) noexcept;

// The names in a directory without "." and "..", sorted bytewise.
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path);
[[nodiscard]] Result<std::vector<std::string>> list_directory(int directory,
                                                              const std::string& path);

// Removes a file or a whole tree; a path that doesn't exist is no error. Never follows a link and
// never crosses a mount point, which is an error (EBUSY). Whatever fails, the rest is removed, and
// the first failure is returned.
Result<void> remove_tree(const std::string& path);

// Untrusted text, fit for one line of a message: control characters and what isn't UTF-8 as \xNN,
// and cut after `limit` bytes.
inline constexpr std::size_t kMaxShownName = 200;
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = kMaxShownName);

}  // namespace bothy

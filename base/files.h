// Files as the store handles them: whole writes, atomic replacement, trees removed without
// following a link. Errors name the path.
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

// Opens a regular file for reading and nothing else: never waits for a FIFO's other end.
[[nodiscard]] Result<UniqueFd> open_regular(const std::string& path);

[[nodiscard]] Result<std::uint64_t> size_of(int fd, const std::string& path);

// All of a regular file; kBadImage when it is longer than `limit`.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::uint64_t limit);

// All bytes, at the file's position or at `offset`.
[[nodiscard]] Result<void> write_all(int fd, std::span<const std::byte> bytes,
                                     const std::string& path);
[[nodiscard]] Result<void> write_all_at(int fd, std::span<const std::byte> bytes,
                                        std::uint64_t offset, const std::string& path);

[[nodiscard]] Result<void> sync_data(int fd, const std::string& path);
[[nodiscard]] Result<void> rename_file(const std::string& from, const std::string& to);

// The directory and its missing parents; those are made for their owner alone.
[[nodiscard]] Result<void> make_directories(const std::string& path);

[[nodiscard]] bool exists(const std::string& path) noexcept;

// The names in a directory but "." and "..", sorted bytewise.
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path);
[[nodiscard]] Result<std::vector<std::string>> list_directory(int directory,
                                                              const std::string& path);

// Removes a file or a whole tree; a path that doesn't exist is no error. Never follows a link and
// never crosses a mount point, which is an error (EBUSY). Whatever fails, the rest is removed, and
// the first failure is returned.
Result<void> remove_tree(const std::string& path);

// A name or path that came from outside, fit for one line: without control characters, and short.
inline constexpr std::size_t kMaxShownName = 200;
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = kMaxShownName);

}  // namespace bothy

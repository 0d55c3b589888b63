// The files of cgroup directories: small texts, each read and written whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// `directory` is an open directory, or AT_FDCWD with an absolute path as `file`.

// 0, or the errno value of what failed.
[[nodiscard]] int write_cgroup_file(int directory, const std::string& file, std::string_view value);
// Nothing when it can't be read; errno says why.
[[nodiscard]] std::optional<std::string> read_cgroup_file(int directory, const std::string& file);
// The same for a file of one record, as lists of controllers are and /proc/PID/cgroup is: the
// kernel gives it whole, so that a read that isn't filled is the last one.
[[nodiscard]] std::optional<std::string> read_cgroup_record(int directory, const std::string& file);
// "" for a file that can't be read.
[[nodiscard]] std::string cgroup_text(int directory, const std::string& file);

// As errno_error(), but never with the words "No such file" for what is missing: callers of an OCI
// runtime take these for the container's command.
[[nodiscard]] Error cgroup_error(std::string what, int error_number,
                                 std::string_view missing = "it doesn't exist");

[[nodiscard]] Result<UniqueFd> open_cgroup(const std::string& path);

[[nodiscard]] std::vector<std::string> words_of(std::string_view text);
// The parts between the separators, which may be empty.
[[nodiscard]] std::vector<std::string> split_at(std::string_view text, char separator);
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);
// The number that the text begins with; 0 for another text, as "max".
[[nodiscard]] std::uint64_t number_of(std::string_view text) noexcept;
// The number after `key` and a space at the beginning of a line ("flat keyed" files of
// cgroup-v2.rst); 0 when there is none.
[[nodiscard]] std::uint64_t number_of_key(std::string_view text, std::string_view key) noexcept;

}  // namespace bothy::container

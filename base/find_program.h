// Programs that bothy calls: where they are, and what they said last.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bothy {

// Where a program may be, in this order: in each directory of `path` (colons between them, as in
// PATH), an empty one being the working directory; a name with a slash is a path itself.
[[nodiscard]] std::vector<std::string> program_candidates(std::string_view program,
                                                          std::string_view path);

// The first executable file of this name in the directories of `path` and then in `others`.
// Directories that aren't absolute are skipped.
[[nodiscard]] std::optional<std::string> find_program(
    std::string_view program, std::string_view path,
    std::initializer_list<std::string_view> others = {});

// This process's PATH; that of execvp(3) when it has none.
[[nodiscard]] std::string_view path_variable() noexcept;

// The last line of a program's output that isn't empty and doesn't contain `skipped`, printable,
// for an error; "no error message" when there is none.
[[nodiscard]] std::string last_line(std::string_view output, std::string_view skipped = {});

}  // namespace bothy

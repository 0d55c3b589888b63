// Programs that bothy calls: where they are, and what they said last.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace bothy {

// The first executable file of this name in the directories of `path` (colons between them, as in
// PATH) and then in `others`. Directories that aren't absolute are skipped.
[[nodiscard]] std::optional<std::string> find_program(
    std::string_view program, std::string_view path,
    std::initializer_list<std::string_view> others = {});

// This process's PATH; empty when it has none.
[[nodiscard]] std::string_view path_variable() noexcept;

// The last line of a program's output that isn't empty and doesn't contain `skipped`, printable,
// for an error; "no error message" when there is none.
[[nodiscard]] std::string last_line(std::string_view output, std::string_view skipped = {});

}  // namespace bothy

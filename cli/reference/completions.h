// Completions of commands, flags and values for shells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/reference/command.h"

namespace bothy::reference {

[[nodiscard]] std::string bash_completion(const Command& program);
[[nodiscard]] std::string fish_completion(const Command& program);
[[nodiscard]] std::string zsh_completion(const Command& program);

// `text` as one word of bash and zsh.
[[nodiscard]] std::string shell_word(std::string_view text);

// `command` and all below it, each after its parent.
[[nodiscard]] std::vector<const Command*> all_commands(const Command& command);

// With a space between two.
[[nodiscard]] std::string joined(const std::vector<std::string>& words);

// Shell commands that print the instances, images and containers there are.
inline constexpr std::string_view kListInstances =
    R"sh(bothy ps -a --json 2>/dev/null | sed -nE 's/^ *"(id|name)": "(.+)",?$/\2/p')sh";
inline constexpr std::string_view kListImages =
    R"sh(bothy image ls 2>/dev/null | awk 'NR > 1 && $1 != "<none>" { print $1 }')sh";
inline constexpr std::string_view kListContainers = "bothy oci list -q 2>/dev/null";

}  // namespace bothy::reference

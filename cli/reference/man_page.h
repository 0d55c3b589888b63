// Manual pages, for man(1): one for each command.
#pragma once

#include <string>
#include <string_view>

#include "cli/reference/command.h"

namespace bothy::reference {

// "bothy-image-import", of section 1.
[[nodiscard]] std::string page_name(const Command& command);

// As roff(7) shows it literally: hyphens as they are typed, no requests.
[[nodiscard]] std::string roff(std::string_view text);

// `parent`: of the command above; empty: there is none.
[[nodiscard]] std::string man_page(const Command& command, const std::string& parent,
                                   std::string_view version);

}  // namespace bothy::reference

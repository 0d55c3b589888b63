// All commands of the program, as CLI11's tree.
#pragma once

#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}  // namespace CLI

namespace bothy {

// The program with the command `called`, or with all commands when that names none. Its callbacks
// set `status`. Never destroyed: the process is about to end when nobody needs it any longer.
[[nodiscard]] CLI::App& make_program(std::string_view called, int& status);

}  // namespace bothy

// `bothy oci`: the OCI runtime interface, as container engines call it.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}  // namespace CLI

namespace bothy {

// For the list of commands in `bothy --help`.
void add_oci_command(CLI::App& app, int& status);

// The program's names as an OCI runtime; engines take a path alone. Containers of the second are
// microVMs.
inline constexpr std::array<std::string_view, 2> kOciNames{"bothy-oci", "bothy-vm"};
[[nodiscard]] bool is_oci_name(std::string_view program) noexcept;

// The interface with all of its flags and verbs, to be described: what it parses has no effect.
[[nodiscard]] std::unique_ptr<CLI::App> describe_oci();

// Runs the verb that follows the first argument, and gives the exit status. `name`: of the program,
// for --help; `version`: of bothy.
[[nodiscard]] int oci_main(int argc, char** argv, const char* name, std::string_view version);

}  // namespace bothy

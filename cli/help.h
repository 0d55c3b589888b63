// The form of --help for all commands, as Docker's and Podman's: usage, description, flags in
// groups with the names of their values and their defaults, examples.
#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}  // namespace CLI

namespace bothy {

// For the program's own App, before its subcommands are added: they take it over.
void set_help_form(CLI::App& app);

// What follows the flags on the usage line of a command that takes them itself (prefix_command()):
// "IMAGE [COMMAND] [ARG...]".
void set_operands(CLI::App& command, std::string operands);

// Examples, one a line, below the flags; then further text.
void set_examples(CLI::App& command, const std::vector<std::string>& examples,
                  const std::string& text = {});

}  // namespace bothy

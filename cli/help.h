// The form of --help for all commands, as Docker's and Podman's: usage, description, flags in
// groups with the names of their values and their defaults, examples.
#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
class Option;
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

// A flag with a value, which --help names.
CLI::Option* add_value(CLI::App& command, const std::string& flag, std::string& value,
                       const std::string& value_name, const std::string& help);
// The same for a flag that may be given several times.
CLI::Option* add_values(CLI::App& command, const std::string& flag,
                        std::vector<std::string>& values, const std::string& value_name,
                        const std::string& help);

}  // namespace bothy

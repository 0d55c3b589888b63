// Flags of commands. CLI11 takes microseconds for each flag that is added, more with each that is
// there already, and keeps a kilobyte of it; `bothy run` has a hundred. Once the words of the
// command line are noted, only the flags that these may name are added; all are for --help.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
class Option;
}  // namespace CLI

namespace bothy {

// By main(), before it adds commands. The words live as long as the process does.
void note_command_line(std::span<char*> words);

// Whether one of the words may be a flag by one of its names, such as "-e,--env", or asks for help.
[[nodiscard]] bool may_name(std::span<char* const> words, std::string_view flag);

// Each returns the flag's option to set more of it: of a flag that isn't added, an option that
// belongs to no command. So a flag that has a value from elsewhere (CLI::Option::envname()), is
// required, or is asked for later (CLI::App::count()) is added to the command directly.
CLI::Option* add_switch(CLI::App& command, const std::string& flag, bool& value,
                        const std::string& help);
// A flag with a value, which --help names.
CLI::Option* add_value(CLI::App& command, const std::string& flag, std::string& value,
                       const std::string& value_name, const std::string& help);
// The same for a flag that may be given several times.
CLI::Option* add_values(CLI::App& command, const std::string& flag,
                        std::vector<std::string>& values, const std::string& value_name,
                        const std::string& help);

}  // namespace bothy

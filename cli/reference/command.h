// A command as its --help tells of it: what manual pages and completions are made from.
#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}  // namespace CLI

namespace bothy::reference {

// What a flag's value or an operand may be, for completions.
enum class Kind { kAny, kWord, kFile, kInstance, kImage, kContainer };

struct Flag {
  std::vector<std::string> names;  // as they are written: "-e", "--env"
  std::string value;               // its name in the help; empty for a switch
  Kind kind = Kind::kAny;
  std::vector<std::string> words;  // some that the value may be, with kWord all
  std::string help;                // with the default
  std::string group;
  bool repeatable = false;
};

struct Operand {
  std::string name;
  Kind kind = Kind::kAny;
  std::vector<std::string> words;
  std::string help;
};

struct Command {
  std::string name;                  // with those of the commands above: "bothy image import"
  std::vector<std::string> aliases;  // names of the program that stand for it
  std::string summary;               // a line
  std::string usage;                 // what follows the name: "[OPTIONS] SOURCE"
  std::vector<Operand> operands;
  bool passes_rest = false;  // what follows the first operand is another command's
  std::vector<Flag> flags;
  std::vector<Command> commands;
  std::string group;   // of the commands above
  std::string footer;  // examples and notes

  // The last word of the name.
  [[nodiscard]] std::string word() const { return name.substr(name.rfind(' ') + 1); }
};

// `app` and all commands below it; `name` is that of `app` with those above it.
[[nodiscard]] Command describe(const CLI::App& app, const std::string& name);

// The whole program, with the verbs of the OCI interface.
[[nodiscard]] Command describe_program();

}  // namespace bothy::reference

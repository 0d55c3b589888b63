#include <fmt/format.h>

#include "cli/reference/completions.h"

namespace bothy::reference {
namespace {

// After the list of commands, $__bothy_commands.
constexpr std::string_view kFunctions = R"fish(
function __bothy_at --description 'Whether the words so far name the command of the argument'
    set -l words (commandline -opc)
    set -l command bothy
    if string match -qr '(^|/)bothy-(oci|vm)$' -- $words[1]
        set command 'bothy oci'
    end
    for word in $words[2..-1]
        if contains -- "$command $word" $__bothy_commands
            set command "$command $word"
        end
    end
    test "$command" = "$argv[1]"
end

function __bothy_complete --description 'complete for each name of the program'
    complete -c bothy -c bothy-oci -c bothy-vm $argv
end

)fish";

// In fish's single quotes \ and ' are escaped.
std::string word(std::string_view text) {
  std::string out = "'";
  for (const char each : text) {
    out += each == '\\' || each == '\'' ? "\\" : "";
    out += each;
  }
  return out + "'";
}

std::string arguments(Kind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case Kind::kWord:
      return " -a " + word(joined(words));
    case Kind::kFile:
      return " -F";
    case Kind::kInstance:
      return " -a " + word(fmt::format("({})", kListInstances));
    case Kind::kImage:
      return " -F -a " + word(fmt::format("({})", kListImages));
    case Kind::kContainer:
      return " -a " + word(fmt::format("({})", kListContainers));
    case Kind::kAny:
      break;
  }
  return {};
}

std::string lines(const Command& command) {
  const std::string start =
      fmt::format("__bothy_complete -n {}", word("__bothy_at " + word(command.name)));
  std::string text;
  for (const Command& each : command.commands) {
    text += fmt::format("{} -a {} -d {}\n", start, word(each.word()), word(each.summary));
  }
  for (const Flag& flag : command.flags) {
    text += start;
    for (const std::string& name : flag.names) {
      const bool is_long = name.starts_with("--");
      text += fmt::format(" {} {}", is_long ? "-l" : "-s", name.substr(is_long ? 2 : 1));
    }
    if (!flag.value.empty()) {
      text += (flag.kind == Kind::kFile ? " -r" : " -x") + arguments(flag.kind, flag.words);
    }
    text += fmt::format(" -d {}\n", word(flag.help));
  }
  if (!command.operands.empty()) {
    const Operand& operand = command.operands.front();
    const std::string of = arguments(operand.kind, operand.words);
    text += of.empty() ? of : start + of + "\n";
  }
  if (command.passes_rest) {
    text += start + " -F\n";
  }
  return text;
}

}  // namespace

std::string fish_completion(const Command& program) {
  std::string names;
  std::string completions;
  for (const Command* command : all_commands(program)) {
    names += " \\\n    " + word(command->name);
    completions += lines(*command);
  }
  return "# Completion of bothy for fish: the commands and flags of --help.\n\n"
         "set -g __bothy_commands" +
         names + "\n" + std::string(kFunctions) + "__bothy_complete -f\n" + completions;
}

}  // namespace bothy::reference

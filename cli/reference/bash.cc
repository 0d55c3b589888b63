#include <fmt/format.h>

#include "cli/reference/completions.h"

namespace bothy::reference {
namespace {

// After the tables of commands and of flags' values, which are functions.
constexpr std::string_view kProgram = R"bash(
# Completes the word $current as one of the kind $1: words to choose from, or @ and what is listed.
_bothy_complete() {
  local words=$1
  case $1 in
    @file) words='' ;;
    @instance) words=$(@INSTANCES@) ;;
    @image) words=$(@IMAGES@) ;;
    @container) words=$(@CONTAINERS@) ;;
  esac
  if [[ $1 == @file || $1 == @image ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -W "$words" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}

_bothy() {
  local command=bothy current=${COMP_WORDS[COMP_CWORD]} word i operands=0
  local commands flags operand rest kind
  COMPREPLY=()
  [ "$current" != = ] || current=''
  case ${COMP_WORDS[0]##*/} in bothy-oci | bothy-vm) command='bothy oci' ;; esac
  _bothy_command "$command"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ " $commands " == *" $word "* ]]; then
      command+=" $word"
      _bothy_command "$command"
    elif _bothy_value "$command $word"; then
      # The next word is its value; readline makes three words of "--flag=value".
      [ "${COMP_WORDS[i + 1]}" != = ] || i=$((i + 1))
      i=$((i + 1))
      if [ "$i" -ge "$COMP_CWORD" ]; then
        _bothy_complete "$kind"
        return
      fi
    elif [[ $word != -* ]]; then
      operands=$((operands + 1))
      # What follows is a command of its own.
      [ -z "$rest" ] || break
    fi
  done
  if [ -n "$rest" ] && [ "$operands" -gt 0 ]; then
    _bothy_complete @file
  elif [[ $current == -* ]]; then
    _bothy_complete "$flags"
  elif [ -n "$commands" ] && [ "$operands" -eq 0 ]; then
    _bothy_complete "$commands $operand"
  else
    _bothy_complete "$operand"
  fi
}
complete -F _bothy bothy bothy-oci bothy-vm
)bash";

std::string kind_text(Kind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case Kind::kWord:
      return joined(words);
    case Kind::kFile:
      return "@file";
    case Kind::kInstance:
      return "@instance";
    case Kind::kImage:
      return "@image";
    case Kind::kContainer:
      return "@container";
    case Kind::kAny:
      break;
  }
  return {};
}

std::string command_case(const Command& command) {
  std::vector<std::string> commands;
  for (const Command& each : command.commands) {
    commands.push_back(each.word());
  }
  std::vector<std::string> flags;
  for (const Flag& flag : command.flags) {
    flags.insert(flags.end(), flag.names.begin(), flag.names.end());
  }
  std::string text = fmt::format("    {})\n", shell_word(command.name));
  text += commands.empty() ? "" : fmt::format("      commands={}\n", shell_word(joined(commands)));
  text += fmt::format("      flags={}\n", shell_word(joined(flags)));
  if (!command.operands.empty()) {
    const Operand& first = command.operands.front();
    text += fmt::format("      operand={}\n", shell_word(kind_text(first.kind, first.words)));
  }
  text += command.passes_rest ? "      rest=yes\n" : "";
  return text + "      ;;\n";
}

std::string value_case(const Command& command) {
  std::string text;
  for (const Flag& flag : command.flags) {
    if (flag.value.empty()) {
      continue;
    }
    std::string names;
    for (const std::string& name : flag.names) {
      names += (names.empty() ? "" : " | ") + shell_word(command.name + " " + name);
    }
    text +=
        fmt::format("    {}) kind={} ;;\n", names, shell_word(kind_text(flag.kind, flag.words)));
  }
  return text;
}

void replace(std::string& text, std::string_view name, std::string_view by) {
  text.replace(text.find(name), name.size(), by);
}

}  // namespace

std::string bash_completion(const Command& program) {
  std::string commands;
  std::string values;
  for (const Command* command : all_commands(program)) {
    commands += command_case(*command);
    values += value_case(*command);
  }
  std::string rest(kProgram);
  replace(rest, "@INSTANCES@", kListInstances);
  replace(rest, "@IMAGES@", kListImages);
  replace(rest, "@CONTAINERS@", kListContainers);
  return "# Completion of bothy for bash: the commands and flags of --help.\n\n"
         "# What may follow the command $1: its commands, flags and operands.\n"
         "_bothy_command() {\n  commands='' flags='' operand='' rest=''\n  case $1 in\n" +
         commands +
         "  esac\n}\n\n"
         "# The kind of the value of a flag, $1 with its command; fails for a switch.\n"
         "_bothy_value() {\n  case $1 in\n" +
         values + "    *) return 1 ;;\n  esac\n}\n" + rest;
}

}  // namespace bothy::reference

#include <fmt/format.h>

#include "cli/reference/completions.h"
#include "cli/reference/man_page.h"

namespace bothy::reference {
namespace {

// _arguments(1) reads brackets and colons.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char each : text) {
    out += std::string_view("\\[]:").find(each) != std::string_view::npos ? "\\" : "";
    out += each;
  }
  return out;
}

std::string function_name(const Command& command) {
  return "_" + page_name(command) + "-command";
}

std::string action(Kind kind, const std::vector<std::string>& words) {
  switch (kind) {
    case Kind::kWord:
      return "(" + joined(words) + ")";
    case Kind::kFile:
      return "_files";
    case Kind::kInstance:
      return "_bothy-instances";
    case Kind::kImage:
      return "_bothy-images";
    case Kind::kContainer:
      return "_bothy-containers";
    case Kind::kAny:
      break;
  }
  return " ";
}

// A specification for each name of a flag, which exclude each other.
std::string flag_arguments(const Flag& flag) {
  std::string text;
  for (const std::string& name : flag.names) {
    std::string spec = flag.repeatable ? "*" : fmt::format("({})", joined(flag.names));
    spec += name;
    if (!flag.value.empty()) {
      spec += name.starts_with("--") ? "=" : "+";
    }
    spec += fmt::format("[{}]", escaped(flag.help));
    if (!flag.value.empty()) {
      spec += fmt::format(":{}:{}", escaped(flag.value), action(flag.kind, flag.words));
    }
    text += " \\\n    " + shell_word(spec);
  }
  return text;
}

std::string operand_arguments(const Command& command) {
  std::string text;
  for (const Operand& operand : command.operands) {
    const bool is_last = &operand == &command.operands.back();
    const std::string spec =
        fmt::format("{}:{}:{}", is_last && !command.passes_rest ? "*" : "", escaped(operand.name),
                    action(operand.kind, operand.words));
    text += " \\\n    " + shell_word(spec);
  }
  return text + (command.passes_rest ? " \\\n    '*::command:_normal'" : "");
}

std::string command_states(const Command& command) {
  std::string list;
  std::string cases;
  for (const Command& each : command.commands) {
    list += "\n        " + shell_word(escaped(each.word()) + ":" + each.summary);
    cases += fmt::format("\n        {}) {} ;;", each.word(), function_name(each));
  }
  std::string operands;
  if (!command.operands.empty() && command.operands.front().kind == Kind::kWord) {
    operands = "\n      compadd -- " + joined(command.operands.front().words);
  }
  return fmt::format(R"zsh( \
    '1: :->command' '*:: :->argument'
  case $state in
    command)
      commands=({}
      )
      _describe -t commands command commands{}
      ;;
    argument)
      case $words[1] in{}
      esac
      ;;
  esac
)zsh",
                     list, operands, cases);
}

std::string function(const Command& command) {
  std::string flags;
  for (const Flag& flag : command.flags) {
    flags += flag_arguments(flag);
  }
  if (command.commands.empty()) {
    // What follows the first operand keeps its flags.
    return fmt::format("{}() {{\n  _arguments -s -S{}{}{}\n}}\n\n", function_name(command),
                       command.passes_rest ? " -A '-*'" : "", flags, operand_arguments(command));
  }
  return fmt::format(
      "{}() {{\n  local context state state_descr line\n  local -a commands\n"
      "  typeset -A opt_args\n  _arguments -C -s -S -A '-*'{}{}}}\n\n",
      function_name(command), flags, command_states(command));
}

std::string list_function(std::string_view what, std::string_view list, std::string_view also) {
  return fmt::format(
      "_bothy-{}() {{\n  local -a found\n  found=(${{(f)\"$({})\"}})\n  compadd -a found{}\n}}\n\n",
      what, list, also);
}

}  // namespace

std::string zsh_completion(const Command& program) {
  std::string functions;
  for (const Command* command : all_commands(program)) {
    functions += function(*command);
  }
  return "#compdef bothy bothy-oci bothy-vm\n"
         "# Completion of bothy for zsh: the commands and flags of --help.\n\n" +
         list_function("instances", kListInstances, "") +
         list_function("images", kListImages, "\n  _files") +
         list_function("containers", kListContainers, "") + functions +
         "case $service in\n  bothy-oci | bothy-vm) _bothy-oci-command \"$@\" ;;\n"
         "  *) _bothy-command \"$@\" ;;\nesac\n";
}

}  // namespace bothy::reference

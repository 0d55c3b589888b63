#include "cli/reference/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "cli/commands.h"
#include "cli/oci/command.h"

namespace bothy::reference {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool is_word(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == text.npos;
}

// The capital letters that a value's or an operand's name begins with: DIR of "DIR[,DIR...]".
std::string_view placeholder(std::string_view name) {
  const std::size_t start = std::min(name.find_first_not_of('['), name.size());
  name.remove_prefix(start);
  return name.substr(0, name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
}

Kind kind_of(std::string_view name) {
  using Entry = std::pair<std::string_view, Kind>;
  constexpr std::array kKinds{Entry{"FILE", Kind::kFile},         Entry{"DIR", Kind::kFile},
                              Entry{"PATH", Kind::kFile},         Entry{"SOCKET", Kind::kFile},
                              Entry{"SOURCE", Kind::kFile},       Entry{"DESTINATION", Kind::kFile},
                              Entry{"OLD", Kind::kFile},          Entry{"NEW", Kind::kFile},
                              Entry{"INSTANCE", Kind::kInstance}, Entry{"IMAGE", Kind::kImage},
                              Entry{"ID", Kind::kContainer}};
  const auto* found = std::ranges::find(kKinds, placeholder(name), &Entry::first);
  return found == kKinds.end() ? Kind::kAny : found->second;
}

// CLI11 writes "FORMAT:{text,json}" where a value is one of a set; bothy also "on|off" for its
// name.
template <typename Described>
void set_value(Described& described, const std::string& type) {
  const std::size_t set = type.find(":{");
  if (set != type.npos) {
    described.words = split(std::string_view(type).substr(set + 2, type.size() - set - 3), ',');
    described.kind = Kind::kWord;
    return;
  }
  const auto alternatives = split(type, '|');
  if (alternatives.size() > 1) {
    std::ranges::copy_if(alternatives, std::back_inserter(described.words), is_word);
    described.kind = described.words.empty() ? Kind::kAny : Kind::kWord;
  }
}

const CLI::Formatter& formatter_of(const CLI::App& app) {
  return dynamic_cast<const CLI::Formatter&>(*app.get_formatter());
}

Flag describe_flag(const CLI::App& app, const CLI::Option& option) {
  Flag flag;
  for (const std::string& name : option.get_snames()) {
    flag.names.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    flag.names.push_back("--" + name);
  }
  flag.help = formatter_of(app).make_option_desc(&option);
  flag.group = &option == app.get_help_ptr() ? "Options" : option.get_group();
  if (option.get_type_size() != 0) {
    const std::string type = option.get_type_name();
    flag.value = type.substr(0, type.find(":{"));
    flag.kind = kind_of(flag.value);
    set_value(flag, type);
  }
  flag.repeatable = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll ||
                    option.get_items_expected_max() > 1;
  return flag;
}

Operand describe_operand(const CLI::App& app, const CLI::Option& option) {
  Operand operand;
  operand.name = option.get_name(true, false);
  operand.help = formatter_of(app).make_option_desc(&option);
  operand.kind = kind_of(operand.name);
  set_value(operand, option.get_type_name());
  return operand;
}

void describe_usage(const CLI::App& app, Command& command) {
  constexpr std::string_view kFlags = "[OPTIONS]";
  const std::string usage = formatter_of(app).make_usage(&app, command.name);
  const std::size_t start = usage.find(command.name) + command.name.size();
  command.usage = usage.substr(start, usage.find('\n') - start);
  command.usage.erase(0, command.usage.find_first_not_of(' '));
  command.passes_rest = app.get_prefix_command();
  if (command.passes_rest) {
    std::string_view operands = command.usage;
    operands.remove_prefix(operands.starts_with(kFlags) ? kFlags.size() + 1 : 0);
    const std::string name(operands.substr(0, operands.find(' ')));
    command.operands.push_back({name, kind_of(name), {}, {}});
  }
}

}  // namespace

Command describe(const CLI::App& app, const std::string& name) {
  Command command;
  command.name = name;
  command.summary = app.get_description();
  command.group = app.get_group();
  command.footer = app.get_footer();
  describe_usage(app, command);
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      command.operands.push_back(describe_operand(app, *option));
    } else if (!option->get_group().empty()) {
      command.flags.push_back(describe_flag(app, *option));
    }
  }
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    command.commands.push_back(describe(*each, name + " " + each->get_name()));
  }
  return command;
}

Command describe_program() {
  static int status = 0;
  static const CLI::App& app = make_program("", status);
  Command program = describe(app, "bothy");
  const std::unique_ptr<CLI::App> oci = describe_oci();
  for (Command& command : program.commands) {
    if (command.name == "bothy oci") {
      const std::string group = command.group;
      command = describe(*oci, command.name);
      command.group = group;
      command.aliases.assign(kOciNames.begin(), kOciNames.end());
    }
  }
  return program;
}

}  // namespace bothy::reference

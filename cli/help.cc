#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>
#include <utility>

namespace bothy {
namespace {

constexpr std::size_t kColumnWidth = 34;  // of flags and their values

class HelpFormatter final : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string operands = {}) : operands_(std::move(operands)) {
    column_width(kColumnWidth);
    label("Positionals", "Arguments");
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = make_usage(app, std::move(name));
    if (const std::string description = app->get_description(); !description.empty()) {
      text += "\n" + description + "\n";
    }
    text += make_positionals(app);
    for (const std::string& group : app->get_groups()) {
      const auto options = app->get_options([&](const CLI::Option* option) {
        return option->get_group() == group && option->nonpositional() &&
               option != app->get_help_ptr();
      });
      if (!group.empty() && !options.empty()) {
        text += make_group(group, false, options);
      }
    }
    text += make_subcommands(app, mode);
    const std::string footer = make_footer(app);
    text += footer.empty() ? "" : "\n" + footer;
    return text.ends_with('\n') ? text : text + "\n";
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string text = "Usage: " + name;
    const auto flags = app->get_options([&](const CLI::Option* option) {
      return option->nonpositional() && option != app->get_help_ptr();
    });
    text += flags.empty() ? "" : " [OPTIONS]";
    text += operands_.empty() ? "" : " " + operands_;
    for (const CLI::Option* option :
         app->get_options([](const CLI::Option* each) { return each->get_positional(); })) {
      text += " " + make_option_usage(option);
    }
    const bool has_commands =
        !app->get_subcommands([](const CLI::App* each) { return !each->get_name().empty(); })
             .empty();
    return text + (has_commands ? " COMMAND" : "") + "\n";
  }

  // Flags without a short form are aligned with those that have one.
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    if (is_positional) {
      return option->get_name(true, false);
    }
    std::string text;
    for (const std::string& name : option->get_snames()) {
      text += (text.empty() ? "-" : ", -") + name;
    }
    for (const std::string& name : option->get_lnames()) {
      text += (text.empty() ? "    --" : ", --") + name;
    }
    return text;
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool has_value = option->get_type_size() != 0 && option->nonpositional();
    return has_value && !option->get_type_name().empty() ? " " + option->get_type_name() : "";
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    if (const std::string value = option->get_default_str(); !value.empty()) {
      text += " (default " + value + ")";
    }
    if (const std::string variable = option->get_envname(); !variable.empty()) {
      text += " [$" + variable + "]";
    }
    return text;
  }

 private:
  std::string operands_;
};

}  // namespace

void set_help_form(CLI::App& app) {
  app.formatter(std::make_shared<HelpFormatter>());
}

void set_operands(CLI::App& command, std::string operands) {
  command.formatter(std::make_shared<HelpFormatter>(std::move(operands)));
}

void set_examples(CLI::App& command, const std::vector<std::string>& examples,
                  const std::string& text) {
  std::string footer = examples.size() == 1 ? "Example:" : "Examples:";
  for (const std::string& example : examples) {
    footer += "\n  " + example;
  }
  command.footer(text.empty() ? footer : footer + "\n\n" + text);
}

}  // namespace bothy

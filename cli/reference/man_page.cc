#include "cli/reference/man_page.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

namespace bothy::reference {
namespace {

// Characters that roff(7) takes for its own or shows as typographic ones.
std::string_view escape(char character) {
  switch (character) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '"':
      return "\\(dq";
    default:
      return {};
  }
}

std::string bold(std::string_view text) {
  return "\\fB" + roff(text) + "\\fR";
}
std::string italic(std::string_view text) {
  return "\\fI" + roff(text) + "\\fR";
}

// Escaped, in lines of the source's usual length; each ends with a newline.
std::string paragraph(std::string_view text) {
  constexpr std::size_t kWidth = 80;
  std::string lines;
  std::size_t width = 0;  // of the last line
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string word = roff(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) {
      continue;
    }
    const bool fits = width + 1 + word.size() <= kWidth;
    lines += lines.empty() ? "" : fits ? " " : "\n";
    width = lines.empty() || !fits ? word.size() : width + 1 + word.size();
    lines += word;
  }
  return lines + "\n";
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char each) { return static_cast<char>(std::toupper(each)); });
  return text;
}

std::string sentence(const std::string& text) {
  return text.empty() || text.ends_with('.') ? text : text + ".";
}

std::string synopsis(std::string_view name, std::string_view usage) {
  return bold(name) + (usage.empty() ? "" : " ") + roff(usage) + "\n";
}

void add_entry(std::string& page, const std::string& title, const std::string& text) {
  page += ".TP\n" + title + "\n" + paragraph(text);
}

// The words that a value may be, unless the help names them.
std::string words_text(const std::vector<std::string>& words, std::string_view help) {
  const bool named = std::ranges::all_of(
      words, [&](const std::string& word) { return help.find(word) != std::string_view::npos; });
  std::string text;
  for (const std::string& word : named ? std::vector<std::string>() : words) {
    text += (text.empty() ? "; one of " : ", ") + word;
  }
  return text;
}

void add_operands(std::string& page, const Command& command) {
  std::string entries;
  for (const Operand& operand : command.operands) {
    if (!operand.help.empty()) {
      add_entry(entries, italic(operand.name),
                operand.help + words_text(operand.words, operand.help));
    }
  }
  page += entries.empty() ? entries : ".SH ARGUMENTS\n" + entries;
}

std::string flag_title(const Flag& flag) {
  std::string title;
  for (const std::string& name : flag.names) {
    title += (title.empty() ? "" : ", ") + bold(name);
  }
  return title + (flag.value.empty() ? "" : " " + italic(flag.value));
}

void add_flags(std::string& page, const Command& command) {
  page += command.flags.empty() ? "" : ".SH OPTIONS\n";
  std::vector<std::string> groups;
  for (const Flag& flag : command.flags) {
    if (std::ranges::count(groups, flag.group) == 0) {
      groups.push_back(flag.group);
    }
  }
  for (const std::string& group : groups) {
    page += group == "Options" ? "" : ".SS " + roff(group) + "\n";
    for (const Flag& flag : command.flags) {
      if (flag.group != group) {
        continue;
      }
      const bool told = flag.value.find('|') != std::string::npos;
      add_entry(page, flag_title(flag),
                flag.help + (told ? "" : words_text(flag.words, flag.help)));
    }
  }
}

void add_commands(std::string& page, const Command& command) {
  page += command.commands.empty() ? "" : ".SH COMMANDS\n";
  std::string group = "Subcommands";
  for (const Command& each : command.commands) {
    if (each.group != group) {
      group = each.group;
      page += ".SS " + roff(group) + "\n";
    }
    add_entry(page, bold(page_name(each)) + "(1)", each.summary);
  }
}

struct Footer {
  std::vector<std::string> examples;
  std::vector<std::string> notes;  // paragraphs
  std::string exit_status;
};

// What stands before `separator`, which is removed with it.
std::string_view take_until(std::string_view& text, std::string_view separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + separator.size(), text.size()));
  return part;
}

// Paragraphs of --help's end, which are separated by empty lines.
Footer read_footer(std::string_view text) {
  constexpr std::string_view kStatus = "Exit status:";
  Footer footer;
  while (!text.empty()) {
    std::string_view lines = take_until(text, "\n\n");
    if (lines.starts_with("Example")) {
      take_until(lines, "\n");
      while (!lines.empty()) {
        std::string_view line = take_until(lines, "\n");
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        footer.examples.emplace_back(line);
      }
    } else if (lines.starts_with(kStatus)) {
      footer.exit_status = lines.substr(kStatus.size());
    } else {
      footer.notes.emplace_back(lines);
    }
  }
  return footer;
}

void add_footer(std::string& page, const Footer& footer) {
  page += footer.exit_status.empty() ? "" : ".SH EXIT STATUS\n" + paragraph(footer.exit_status);
  if (footer.examples.empty()) {
    return;
  }
  page += ".SH EXAMPLES\n.nf\n";
  for (const std::string& example : footer.examples) {
    page += roff(example) + "\n";
  }
  page += ".fi\n";
}

}  // namespace

std::string page_name(const Command& command) {
  std::string name = command.name;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string roff(std::string_view text) {
  std::string out = text.starts_with('.') ? "\\&" : "";
  for (const char each : text) {
    const std::string_view escaped = escape(each);
    out += escaped.empty() ? std::string(1, each) : std::string(escaped);
  }
  return out;
}

std::string man_page(const Command& command, const std::string& parent, std::string_view version) {
  const Footer footer = read_footer(command.footer);
  std::string page = ".TH " + roff(upper(page_name(command))) + " 1 \"\" \"bothy " + roff(version) +
                     "\" \"bothy\"\n";
  page += ".SH NAME\n" + paragraph(page_name(command) + " - " + command.summary);
  page += ".SH SYNOPSIS\n" + synopsis(command.name, command.usage);
  for (const std::string& alias : command.aliases) {
    page += ".br\n" + synopsis(alias, command.usage);
  }
  page += ".SH DESCRIPTION\n" + paragraph(sentence(command.summary));
  for (const std::string& note : footer.notes) {
    page += ".PP\n" + paragraph(note);
  }
  add_operands(page, command);
  add_flags(page, command);
  add_commands(page, command);
  add_footer(page, footer);
  if (!parent.empty()) {
    page += ".SH SEE ALSO\n" + bold(parent) + "(1)\n";
  }
  return page;
}

}  // namespace bothy::reference

#include "bench/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>

namespace bothy::bench {
namespace {

constexpr std::size_t kWidestFact = 24;

template <class... Args>
void append(std::string& text, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
}

// The column whose ratio to the reference is shown: bothy's microVM, or else the next one with a
// wall.
std::size_t compared_of(const Table& table) {
  const auto found = std::ranges::find(table.subjects, "vm");
  if (found != table.subjects.end()) {
    return static_cast<std::size_t>(found - table.subjects.begin());
  }
  for (std::size_t i = 0; i < table.subjects.size(); ++i) {
    if (i != table.reference && table.subjects[i] != "process") {
      return i;
    }
  }
  return table.reference;
}

std::size_t failures_of(const Results& results) {
  std::size_t count = 0;
  for (const Series& series : results.series) {
    // A start's failure is noted with two metrics, of which this one isn't measurable everywhere.
    if (series.metric != "startup.first-byte") {
      count += series.failures.size();
    }
  }
  return count;
}

std::string noise_line(const Results& results) {
  if (!results.header.contains("noise")) {
    return {};
  }
  const bool null = results.text("noise", "null") == "true";
  const auto number = [&](const char* name) {
    return results.header.at("noise").at(name).to_number<double>();
  };
  return fmt::format(
      "A/A run: the same subject twice differs by x{:.3f} ({:.3f}-{:.3f}): {}", number("ratio"),
      number("lower"), number("upper"),
      null ? "null, as it must be" : "NOT null: this host is too noisy for small differences");
}

// Each reason for which figures are less than publishable, once.
std::vector<std::string> reasons(const Results& results) {
  std::vector<std::string> lines;
  for (const Series& series : results.series) {
    if (series.validity != Validity::kPublishable && series.metric != "noise.first-byte") {
      std::string line = fmt::format("{}: {}", name_of(series.validity), series.reason);
      if (std::ranges::count(lines, line) == 0) {
        lines.push_back(std::move(line));
      }
    }
  }
  return lines;
}

std::string quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return quoted + "\"";
}

std::string escaped(std::string text) {
  for (auto at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) {
    text.insert(at, "\\");
  }
  return text;
}

// The names or subjects of a topic's facts, in their order.
std::vector<std::string> members(const Results& results, const std::string& topic,
                                 std::string Fact::*member) {
  std::vector<std::string> found;
  for (const Fact& fact : results.facts) {
    if (fact.topic == topic && std::ranges::count(found, fact.*member) == 0) {
      found.push_back(fact.*member);
    }
  }
  return found;
}

// A topic as a row for each name and a column for each subject.
void append_rows(std::string& text, const Results& results, const std::string& topic,
                 const std::vector<std::string>& names, const std::vector<std::string>& subjects) {
  std::size_t width = topic.size();
  for (const std::string& name : names) {
    width = std::max(width, name.size());
  }
  std::vector<std::size_t> widths;
  for (const std::string& subject : subjects) {
    std::size_t widest = subject.size();
    for (const std::string& name : names) {
      const Fact* fact = results.find_fact(topic, name, subject);
      widest = std::max(widest, fact == nullptr ? 0 : fact->value.size());
    }
    widths.push_back(std::min(widest, kWidestFact));
  }
  append(text, "\n{:<{}}", topic, width);
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    append(text, "  {:>{}}", subjects[i], widths[i]);
  }
  text += "\n";
  for (const std::string& name : names) {
    append(text, "{:<{}}", name, width);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      const Fact* fact = results.find_fact(topic, name, subjects[i]);
      const std::string value = fact == nullptr ? std::string() : fact->value;
      append(text, "  {:>{}}", value.substr(0, kWidestFact), widths[i]);
    }
    text += "\n";
  }
}

// How many of a long topic's facts have which value, by subject.
void append_counts(std::string& text, const Results& results, const std::string& topic,
                   const std::vector<std::string>& subjects) {
  append(text, "\n{}: each is in bench.html\n", topic);
  for (const std::string& subject : subjects) {
    std::map<std::string, std::size_t> counts;
    for (const Fact& fact : results.facts) {
      if (fact.topic == topic && fact.subject == subject) {
        // Of what a subject sees, whether it is the host's is what counts.
        ++counts[topic == "shared" ? fact.note.empty() ? "its own" : fact.note : fact.value];
      }
    }
    append(text, "  {}:", subject);
    const char* separator = " ";
    for (const auto& [value, count] : counts) {
      append(text, "{}{} {}", separator, count, value);
      separator = ", ";
    }
    text += "\n";
  }
}

std::string facts_text(const Results& results) {
  std::string text;
  std::vector<std::string> topics;
  for (const Fact& fact : results.facts) {
    if (std::ranges::count(topics, fact.topic) == 0) {
      topics.push_back(fact.topic);
    }
  }
  for (const std::string& topic : topics) {
    const auto names = members(results, topic, &Fact::name);
    const auto subjects = members(results, topic, &Fact::subject);
    // Forty ways and twenty facts are too many for a terminal.
    if (topic == "escape" || topic == "shared") {
      append_counts(text, results, topic, subjects);
    } else {
      append_rows(text, results, topic, names, subjects);
    }
  }
  return text;
}

}  // namespace

std::string where(const Results& results) {
  return fmt::format(
      "{}; {} processors, Linux {}; host class {}; {} sessions of {} starts, seed {}",
      results.text("run", "bothy"), results.text("host", "processors"),
      results.text("host", "kernel"), results.text("host", "class"),
      results.text("configuration", "sessions"), results.text("configuration", "starts"),
      results.text("run", "seed"));
}

std::vector<std::string> remarks(const Results& results) {
  std::vector<std::string> lines;
  if (std::string line = noise_line(results); !line.empty()) {
    lines.push_back(std::move(line));
  }
  const auto more = reasons(results);
  lines.insert(lines.end(), more.begin(), more.end());
  if (const std::size_t failures = failures_of(results); failures > 0) {
    lines.push_back(fmt::format("{} starts failed; bench.json has each reason", failures));
  }
  return lines;
}

std::string text_report(const Results& results) {
  const Table table = make_table(results);
  const std::size_t compared = table.subjects.empty() ? 0 : compared_of(table);
  std::size_t width = 0;
  for (const Row& row : table.rows) {
    width = std::max(width, row.title.size());
  }
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < table.subjects.size(); ++i) {
    std::size_t widest = table.subjects[i].size();
    for (const Row& row : table.rows) {
      widest = std::max(widest, shown(row, row.cells[i]).size());
    }
    widths.push_back(widest);
  }
  std::string text;
  append(text, "{:<{}}", "", width);
  for (std::size_t i = 0; i < table.subjects.size(); ++i) {
    append(text, "  {:>{}}", table.subjects[i], widths[i]);
  }
  const bool ratios = !table.subjects.empty() && compared != table.reference;
  if (ratios) {
    append(text, "  {}/{}", table.subjects[compared], table.subjects[table.reference]);
  }
  text += "\n";
  for (const Row& row : table.rows) {
    append(text, "{:<{}}", row.title, width);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      append(text, "  {:>{}}", shown(row, row.cells[i]), widths[i]);
    }
    if (ratios && row.cells[compared].ratio) {
      append(text, "  {}", shown(*row.cells[compared].ratio));
    }
    text += "\n";
  }
  text += facts_text(results);
  append(text, "\n{}\n", where(results));
  for (const std::string& line : remarks(results)) {
    text += line + "\n";
  }
  for (const MeasuredSubject& subject : results.subjects) {
    if (!subject.note.empty()) {
      append(text, "{}: {}\n", subject.name, subject.note);
    }
  }
  return text;
}

std::string markdown_report(const Results& results) {
  const Table table = make_table(results);
  std::string text = "| |";
  std::string rule = "| --- |";
  for (const std::string& subject : table.subjects) {
    append(text, " {} |", subject);
    rule += " ---: |";
  }
  text += "\n" + rule + "\n";
  for (const Row& row : table.rows) {
    append(text, "| {} |", escaped(row.title));
    for (const Cell& cell : row.cells) {
      append(text, " {}{} |", shown(row, cell), cell.ratio ? " " + shown(*cell.ratio) : "");
    }
    text += "\n";
  }
  append(text,
         "\nMedians, and slopes of memory over instances, with the ratio to {} and its 95 % "
         "interval. {}.",
         table.subjects.empty() ? "" : table.subjects[table.reference], where(results));
  for (const std::string& line : remarks(results)) {
    append(text, " {}.", line);
  }
  return text + "\n";
}

std::string csv_report(const Results& results) {
  const Table table = make_table(results);
  std::string text =
      "metric,parameters,subject,unit,n,value,lower,upper,p90,p99,ratio,ratio_lower,ratio_upper,"
      "failures,validity,reason\r\n";
  for (const Row& row : table.rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const Cell& cell = row.cells[i];
      if (cell.series == nullptr) {
        continue;
      }
      std::string parameters;
      for (const auto& [name, value] : row.parameters) {
        append(parameters, "{}{}={}", parameters.empty() ? "" : ";", name, value);
      }
      append(text, "{},{},{},{},{}", quoted(row.metric->name), quoted(parameters),
             quoted(table.subjects[i]), quoted(row.metric->unit), cell.count);
      const auto number = [&](bool known, double value) {
        text += known ? fmt::format(",{:.6g}", value) : std::string(",");
      };
      number(cell.count > 0, cell.value);
      number(cell.interval.has_value(), cell.interval ? cell.interval->lower : 0);
      number(cell.interval.has_value(), cell.interval ? cell.interval->upper : 0);
      number(cell.p90.has_value(), cell.p90 ? cell.p90->value : 0);
      number(cell.p99.has_value(), cell.p99 ? cell.p99->value : 0);
      number(cell.ratio.has_value(), cell.ratio ? cell.ratio->value : 0);
      number(cell.ratio.has_value(), cell.ratio ? cell.ratio->interval.lower : 0);
      number(cell.ratio.has_value(), cell.ratio ? cell.ratio->interval.upper : 0);
      append(text, ",{},{},{}\r\n", cell.series->failures.size(),
             quoted(name_of(cell.series->validity)), quoted(cell.series->reason));
    }
  }
  return text;
}

}  // namespace bothy::bench

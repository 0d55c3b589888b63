#include "bench/report/html.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cassert>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <vector>

#include "bench/report/table.h"
#include "bench/report/text.h"
#include "bench/results/metrics.h"

extern "C" {
extern const char kBothyBenchPlotBegin[];
extern const char kBothyBenchPlotEnd[];
extern const char kBothyBenchPageScriptBegin[];
extern const char kBothyBenchPageScriptEnd[];
extern const char kBothyBenchPageStyleBegin[];
extern const char kBothyBenchPageStyleEnd[];
}

namespace bothy::bench {
namespace {

template <class... Args>
void append(std::string& page, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(page), format, std::forward<Args>(args)...);
}

// Unpacks Observable Plot: this program's own bytes, so a failure is a bug of the build.
void append_plot(std::string& page) {
  z_stream stream{};
  constexpr int kGzip = 16;  // added to the window's bits: gzip's header, RFC 1952
  [[maybe_unused]] int result = ::inflateInit2(&stream, MAX_WBITS + kGzip);
  assert(result == Z_OK);
  // zlib doesn't write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(kBothyBenchPlotBegin));
  stream.avail_in = static_cast<uInt>(kBothyBenchPlotEnd - kBothyBenchPlotBegin);
  std::array<char, 16384> block;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = block.size();
    result = ::inflate(&stream, Z_NO_FLUSH);
    page.append(block.data(), block.size() - stream.avail_out);
  } while (result == Z_OK);
  assert(result == Z_STREAM_END);
  ::inflateEnd(&stream);
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

// JSON in a script element ends at the first "</script": no '<' is left in it.
std::string json_text(const boost::json::value& value) {
  std::string text;
  for (const char c : boost::json::serialize(value)) {
    text += c == '<' ? std::string("\\u003c") : std::string(1, c);
  }
  return text;
}

void add_cell(std::string& page, const Row& row, const Cell& cell) {
  if (cell.series == nullptr) {
    page += "<td></td>";
    return;
  }
  std::string note = fmt::format("{}{}{}", name_of(cell.series->validity),
                                 cell.series->reason.empty() ? "" : ": ", cell.series->reason);
  append(page, "<td data-value=\"{}\" title=\"{}\">{}",
         cell.count > 0 ? fmt::format("{:.6g}", cell.value) : "", escaped(note),
         escaped(shown(row, cell)));
  if (cell.count > 0 && cell.interval) {
    append(page, "<small>{} &ndash; {}</small>",
           escaped(format_value(*row.metric, cell.interval->lower)),
           escaped(format_value(*row.metric, cell.interval->upper)));
  }
  if (cell.p99) {
    append(page, "<small>p99 {}</small>", escaped(format_value(*row.metric, cell.p99->value)));
  }
  if (cell.ratio) {
    append(page, "<small>{}</small>", escaped(shown(*cell.ratio)));
  }
  if (row.metric->shape == Shape::kCurve && cell.count > 0) {
    append(page, "<small>r&sup2; {:.3f}, n {}</small>", cell.fit, cell.count);
  } else {
    append(page, "<small>n {}{}</small>", cell.count,
           cell.series->failures.empty()
               ? std::string()
               : fmt::format(", {} failed", cell.series->failures.size()));
  }
  page += "</td>";
}

void add_figures(std::string& page, const Table& table) {
  page +=
      "<h2>Figures</h2>\n<p class=\"quiet\">Medians with their 95&nbsp;% interval; of memory, "
      "slopes over the number of instances. ";
  if (!table.subjects.empty()) {
    append(page, "x is the ratio to {}, with its interval. ",
           escaped(table.subjects[table.reference]));
  }
  page +=
      "What each is valid for is its title; how it is measured is below.</p>\n"
      "<div class=\"wide\"><table class=\"sortable\" id=\"figures\"><thead><tr><th>figure</th>";
  for (const std::string& subject : table.subjects) {
    append(page, "<th>{}</th>", escaped(subject));
  }
  page += "</tr></thead>\n<tbody>\n";
  for (const Row& row : table.rows) {
    append(page, "<tr><td>{}</td>", escaped(row.title));
    for (const Cell& cell : row.cells) {
      add_cell(page, row, cell);
    }
    page += "</tr>\n";
  }
  page += "</tbody></table></div>\n";
}

// A table for each topic: a row for each name, a column for each subject.
void add_facts(std::string& page, const Results& results) {
  std::vector<std::string> topics;
  for (const Fact& fact : results.facts) {
    if (std::ranges::count(topics, fact.topic) == 0) {
      topics.push_back(fact.topic);
    }
  }
  for (const std::string& topic : topics) {
    std::vector<std::string> names;
    std::vector<std::string> subjects;
    for (const Fact& fact : results.facts) {
      if (fact.topic == topic) {
        if (std::ranges::count(names, fact.name) == 0) {
          names.push_back(fact.name);
        }
        if (std::ranges::count(subjects, fact.subject) == 0) {
          subjects.push_back(fact.subject);
        }
      }
    }
    append(page, "<h2>{}</h2>\n<div class=\"wide\"><table class=\"sortable\"><thead><tr><th></th>",
           escaped(topic));
    for (const std::string& subject : subjects) {
      append(page, "<th>{}</th>", escaped(subject.empty() ? "host" : subject));
    }
    page += "</tr></thead>\n<tbody>\n";
    for (const std::string& name : names) {
      append(page, "<tr><td>{}</td>", escaped(name));
      for (const std::string& subject : subjects) {
        const Fact* fact = results.find_fact(topic, name, subject);
        if (fact == nullptr) {
          page += "<td></td>";
          continue;
        }
        const bool marked = fact->value == "allowed" || fact->value == "refused";
        append(page, "<td class=\"text {}\">{}<small>{}</small></td>",
               marked ? fact->value : std::string(), escaped(fact->value), escaped(fact->note));
      }
      page += "</tr>\n";
    }
    page += "</tbody></table></div>\n";
  }
}

void add_methods(std::string& page, const Table& table) {
  page +=
      "<h2>Methods</h2>\n<table><thead><tr><th>figure</th><th>unit</th><th>method</th></tr>"
      "</thead>\n<tbody>\n";
  const Metric* last = nullptr;
  for (const Row& row : table.rows) {
    if (row.metric != last) {
      last = row.metric;
      append(page, "<tr><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>\n",
             escaped(row.metric->title), escaped(row.metric->unit), escaped(row.metric->method));
    }
  }
  page += "</tbody></table>\n";
}

void add_section(std::string& page, const Results& results, std::string_view title,
                 std::string_view name) {
  const boost::json::value* section = results.header.if_contains(name);
  if (section == nullptr || !section->is_object()) {
    return;
  }
  append(page, "<h2>{}</h2>\n<table><tbody>\n", title);
  for (const auto& [key, value] : section->get_object()) {
    append(page, "<tr><td>{}</td><td class=\"text\">{}</td></tr>\n",
           escaped(std::string_view(key.data(), key.size())),
           escaped(results.text(name, std::string_view(key.data(), key.size()))));
  }
  page += "</tbody></table>\n";
}

void add_subjects(std::string& page, const Results& results) {
  page +=
      "<h2>Subjects</h2>\n<div class=\"wide\"><table><thead><tr><th>subject</th><th>version"
      "</th><th>note</th><th>command of a start</th></tr></thead>\n<tbody>\n";
  for (const MeasuredSubject& subject : results.subjects) {
    append(page,
           "<tr><td>{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td>"
           "<td class=\"text\"><code>{}</code></td></tr>\n",
           escaped(subject.name), escaped(subject.version), escaped(subject.note),
           escaped(subject.command));
  }
  page += "</tbody></table></div>\n";
}

// As many as a drawing shows.
constexpr int kDigits = 5;

// A subject's observations as the page draws them: each curve as a line, everything else as one.
void add_lines(boost::json::array& lines, const std::string& subject, const Series& series,
               bool curve) {
  boost::json::array values;
  const auto end_line = [&] {
    lines.push_back(boost::json::object{{"subject", subject}, {"values", std::move(values)}});
    values = {};
  };
  for (const auto& session : series.samples) {
    for (const auto& start : session) {
      for (const double value : start) {
        values.push_back(rounded(value, kDigits));
      }
      if (curve) {
        end_line();
      }
    }
  }
  if (!values.empty()) {
    end_line();
  }
}

// What is drawn: the observations of each row, or its curves.
boost::json::array drawn(const Table& table) {
  namespace json = boost::json;
  json::array figures;
  for (const Row& row : table.rows) {
    const bool curve = row.metric->shape == Shape::kCurve;
    json::array lines;
    double smallest = 0;
    double largest = 0;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (const Series* series = row.cells[i].series; series != nullptr) {
        add_lines(lines, table.subjects[i], *series, curve);
        for (const double value : all_of(series->samples)) {
          smallest = smallest > 0 ? std::min(smallest, value) : value;
          largest = std::max(largest, value);
        }
      }
    }
    if (!lines.empty()) {
      figures.push_back(json::object{{"title", row.title},
                                     {"unit", row.metric->unit},
                                     {"curve", curve},
                                     {"spread", smallest > 0 ? largest / smallest : 1},
                                     {"lines", std::move(lines)}});
    }
  }
  return figures;
}

}  // namespace

std::string html_report(const Results& results) {
  const Table table = make_table(results);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>bothy bench</title>\n<style>\n";
  page.append(kBothyBenchPageStyleBegin, kBothyBenchPageStyleEnd);
  append(page, "</style>\n</head>\n<body>\n<h1>bothy bench</h1>\n<p class=\"quiet\">{}</p>\n",
         escaped(where(results)));
  for (const std::string& line : remarks(results)) {
    append(page, "<p class=\"{}\">{}</p>\n",
           line.find("too noisy") == std::string::npos ? "quiet" : "warning", escaped(line));
  }
  add_figures(page, table);
  add_facts(page, results);
  page +=
      "<section id=\"plots-section\" hidden>\n<h2>Distributions</h2>\n<p class=\"quiet\">Every "
      "observation is a line: none is dropped.</p>\n<div id=\"plots\"></div>\n</section>\n";
  add_methods(page, table);
  add_subjects(page, results);
  add_section(page, results, "Run", "run");
  add_section(page, results, "Configuration", "configuration");
  add_section(page, results, "Host", "host");
  append(page, "<script type=\"application/json\" id=\"data\">{}</script>\n<script>\n",
         json_text(drawn(table)));
  append_plot(page);
  page += "</script>\n<script>\n";
  page.append(kBothyBenchPageScriptBegin, kBothyBenchPageScriptEnd);
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace bothy::bench

#include "cli/doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>

#include "cli/doctor/engine_probes.h"
#include "cli/doctor/host.h"

namespace bothy::doctor {
namespace {

constexpr std::array kGroups{Group::kMicrovms, Group::kContainers, Group::kHelpers,
                             Group::kEngines};
constexpr std::size_t kStatusWidth = 4;

std::string_view title(Group group) noexcept {
  switch (group) {
    case Group::kMicrovms:
      return "microVMs";
    case Group::kContainers:
      return "Containers";
    case Group::kHelpers:
      return "Helper programs";
    case Group::kEngines:
      return "Container engines";
  }
  return "";
}

// The colour of a status (ECMA-48, SGR).
std::string_view paint(Status status) noexcept {
  switch (status) {
    case Status::kOk:
      return "\x1b[32m";
    case Status::kInfo:
      return "\x1b[36m";
    case Status::kWarn:
      return "\x1b[33m";
    case Status::kFail:
      return "\x1b[1;31m";
  }
  return "";
}

bool is_about_engines(const Findings& findings) noexcept {
  return std::ranges::count(findings, Group::kEngines, &Finding::group) > 0;
}

class TextReport {
 public:
  TextReport(const Findings& findings, bool colour) : findings_(findings), colour_(colour) {
    for (const Finding& finding : findings) {
      id_width_ = std::max(id_width_, finding.id.size());
    }
  }

  std::string write() {
    for (const Group group : kGroups) {
      write_group(group);
    }
    write_verdict();
    return std::move(text_);
  }

 private:
  void write_group(Group group) {
    const auto belongs = [group](const Finding& finding) { return finding.group == group; };
    if (std::none_of(findings_.begin(), findings_.end(), belongs)) {
      return;
    }
    append("{}\n", title(group));
    for (const Finding& finding : findings_) {
      if (belongs(finding)) {
        write_finding(finding);
      }
    }
    append("\n");
  }

  void write_finding(const Finding& finding) {
    // Padded before the colour is added: format widths count escape sequences.
    append("  {}  {:<{}}  {}\n",
           painted(finding.status, fmt::format("{:<{}}", name(finding.status), kStatusWidth)),
           finding.id, id_width_, finding.found);
    const std::size_t indent = 2 + kStatusWidth + 2 + id_width_ + 2;
    if (!finding.meaning.empty()) {
      append("{:{}}{}\n", "", indent, finding.meaning);
    }
    const char* mark = "->";
    for (const std::string_view line : lines(finding.remedy)) {
      append("{:{}}{} {}\n", "", indent, mark, line);
      mark = "  ";
    }
  }

  void write_verdict() {
    if (is_about_engines(findings_)) {
      write_verdict(engines_are_set_up(findings_), "Container engines can use bothy",
                    "Not every container engine can use bothy", Group::kEngines);
    } else {
      write_verdict(microvms_can_run(findings_), "microVMs can run on this host",
                    "microVMs can't run on this host", Group::kMicrovms);
    }
  }

  void write_verdict(bool good, std::string_view can, std::string_view cannot, Group group) {
    if (good) {
      append("{}\n", painted(Status::kOk, fmt::format("{}.", can)));
      return;
    }
    std::string reasons;
    for (const Finding& finding : findings_) {
      if (finding.group == group && finding.status == Status::kFail) {
        reasons += (reasons.empty() ? ": " : ", ") + finding.id;
      }
    }
    append("{}\n", painted(Status::kFail, fmt::format("{}{}.", cannot, reasons)));
  }

  [[nodiscard]] std::string painted(Status status, std::string_view what) const {
    return colour_ ? fmt::format("{}{}\x1b[0m", paint(status), what) : std::string(what);
  }

  template <class... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  const Findings& findings_;
  const bool colour_;
  std::size_t id_width_ = 0;
  std::string text_;
};

}  // namespace

std::string_view name(Status status) noexcept {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kInfo:
      return "info";
    case Status::kWarn:
      return "warn";
    case Status::kFail:
      return "fail";
  }
  return "";
}

std::string_view name(Group group) noexcept {
  switch (group) {
    case Group::kMicrovms:
      return "microvms";
    case Group::kContainers:
      return "containers";
    case Group::kHelpers:
      return "helpers";
    case Group::kEngines:
      return "engines";
  }
  return "";
}

bool microvms_can_run(const Findings& findings) noexcept {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.group == Group::kMicrovms && finding.status == Status::kFail;
  });
}

bool engines_are_set_up(const Findings& findings) noexcept {
  const auto has = [&](Status status) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
      return finding.group == Group::kEngines && finding.status == status;
    });
  };
  const auto is_engine = [](const Finding& finding) {
    return finding.status == Status::kOk && finding.id != kRuntimeFinding;
  };
  return !has(Status::kFail) && std::ranges::any_of(findings, is_engine);
}

std::string format_text(const Findings& findings, bool colour) {
  return TextReport(findings, colour).write();
}

std::string format_json(const Findings& findings) {
  boost::json::array list;
  for (const Finding& finding : findings) {
    list.push_back(boost::json::object{{"id", finding.id},
                                       {"group", name(finding.group)},
                                       {"status", name(finding.status)},
                                       {"found", finding.found},
                                       {"meaning", finding.meaning},
                                       {"remedy", finding.remedy}});
  }
  const bool engines = is_about_engines(findings);
  const boost::json::object report{
      {engines ? "engines" : "microvms",
       engines ? engines_are_set_up(findings) : microvms_can_run(findings)},
      {"findings", std::move(list)}};
  return boost::json::serialize(report) + "\n";
}

}  // namespace bothy::doctor

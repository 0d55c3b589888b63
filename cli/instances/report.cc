#include "cli/instances/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/json_fields.h"
#include "sandbox/listing.h"
#include "sandbox/observe.h"

namespace bothy {
namespace {

constexpr std::size_t kColumns = 7;
using Row = std::array<std::string, kColumns>;

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string all;
  for (const std::string& text : texts) {
    all += (all.empty() ? "" : std::string(between)) + printable(text);
  }
  return all;
}

// "3 minutes"
std::string span_text(std::int64_t seconds) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 4> kUnits{
      {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}}};
  for (const auto& [length, name] : kUnits) {
    if (seconds >= length) {
      const std::int64_t count = seconds / length;
      return fmt::format("{} {}{}", count, name, count == 1 ? "" : "s");
    }
  }
  return "0 seconds";
}

std::string status_text(const run::State& state, std::int64_t now) {
  switch (state.status) {
    case run::Status::kRunning:
      return "up " + span_text(now - state.started);
    case run::Status::kPaused:
      return "paused";
    case run::Status::kExited:
      return fmt::format("exited ({}) {}", state.exit_code, ago(now - state.finished));
    case run::Status::kCreated:
      return "starting";
    case run::Status::kLost:
      return "lost (its owner died)";
  }
  return {};
}

}  // namespace

std::string ago(std::int64_t seconds) {
  return span_text(seconds) + " ago";
}

std::string instances_text(const std::vector<ShownInstance>& instances, std::int64_t now) {
  std::vector<Row> rows{{"ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAME"}};
  for (const ShownInstance& each : instances) {
    constexpr std::size_t kShownCommand = 30;
    std::string command = joined(each.settings.command, " ");
    if (command.size() > kShownCommand) {
      command = command.substr(0, kShownCommand - 3) + "...";
    }
    rows.push_back({each.settings.id, printable(each.settings.image), command,
                    ago(now - each.settings.created), status_text(each.state, now),
                    joined(each.settings.ports, ", "), each.settings.name});
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths.at(i) = std::max(widths.at(i), row.at(i).size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < kColumns; ++i) {
      text += fmt::format("{:<{}}  ", row.at(i), widths.at(i));
    }
    text += row.back() + "\n";
  }
  text.pop_back();
  return text;
}

boost::json::object instance_json(const ShownInstance& instance) {
  auto object = parse_own_object(instance.settings.json(), "settings").value();
  const auto state = parse_own_object(instance.state.json(), "state").value();
  for (const auto& [key, value] : state) {
    object[key] = value;
  }
  return object;
}

boost::json::object sandbox_json(pid_t owner) {
  boost::json::array threads;
  for (const auto& thread : sandbox::observe(owner, sandbox::Role::kVmOwner)) {
    boost::json::object shown{{"thread", printable(thread.name)},
                              {"filter", thread.has_filter},
                              {"no-new-privileges", thread.no_new_privileges},
                              {"capabilities", thread.has_capabilities},
                              {"namespaces", thread.has_empty_root}};
    if (thread.role && thread.has_filter) {
      shown["role"] = sandbox::to_string(*thread.role);
      shown["calls"] = joined(sandbox::allowed_calls(*thread.role), ", ");
    }
    threads.push_back(std::move(shown));
  }
  boost::json::array missing;
  for (const std::string& layer : sandbox::missing_layers()) {
    missing.emplace_back(layer);
  }
  return {{"missing", std::move(missing)}, {"threads", std::move(threads)}};
}

}  // namespace bothy

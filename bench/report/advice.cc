#include "bench/report/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/files.h"
#include "bench/report/compare.h"
#include "bench/report/table.h"
#include "bench/report/text.h"
#include "bench/results/validity.h"

namespace bothy::bench {
namespace {

constexpr const char* kMachine = "vm";
constexpr const char* kContainer = "container";

struct Claim {
  std::string_view metric;
  std::string_view parameter = {};
  std::string_view value = {};
};
// What a decision turns on, in the order of the text.
constexpr std::array kClaims{Claim{"startup.first-byte"},
                             Claim{"startup.cpu"},
                             Claim{"startup.rate", "at once", "10"},
                             Claim{"startup.faults"},
                             Claim{"memory.available"},
                             Claim{"memory.pss"},
                             Claim{"memory.cgroup"},
                             Claim{"inside.compute"},
                             Claim{"inside.memory"},
                             Claim{"inside.syscall"},
                             Claim{"inside.fork-exec"},
                             Claim{"inside.switch"},
                             Claim{"inside.fault"},
                             Claim{"storage.sync-write", "at", "volume"},
                             Claim{"storage.write", "at", "volume"},
                             Claim{"storage.read", "at", "volume"},
                             Claim{"storage.random-read", "at", "volume"},
                             Claim{"network.latency", "path", "host to instance"},
                             Claim{"network.to-instance", "path", "host to instance"},
                             Claim{"network.from-instance", "path", "host to instance"},
                             Claim{"network.connections", "path", "host to instance"},
                             Claim{"portability.prepare"},
                             Claim{"portability.bytes"}};
constexpr std::array<std::string_view, 5> kHogs{"cpu", "memory", "forks", "io", "descriptors"};

// The figures of both, side by side.
struct Pair {
  const Row* row = nullptr;
  const Cell* machine = nullptr;
  const Cell* container = nullptr;
};

const Cell* cell_of(const Table& table, const Row& row, std::string_view subject) {
  const auto found = std::ranges::find(table.subjects, subject);
  const Cell* cell = found == table.subjects.end()
                         ? nullptr
                         : &row.cells[static_cast<std::size_t>(found - table.subjects.begin())];
  return cell == nullptr || cell->series == nullptr ? nullptr : cell;
}

Pair find_pair(const Table& table, const Claim& claim) {
  Parameters parameters;
  if (!claim.parameter.empty()) {
    parameters.emplace(claim.parameter, claim.value);
  }
  for (const Row& row : table.rows) {
    if (row.metric->name == claim.metric && row.parameters == parameters) {
      return {&row, cell_of(table, row, kMachine), cell_of(table, row, kContainer)};
    }
  }
  return {};
}

// Of both the one that may be used for less.
const Series& weaker(const Pair& pair) {
  const Series& a = *pair.machine->series;
  const Series& b = *pair.container->series;
  return a.validity >= b.validity ? a : b;
}

std::string validity_of(const Series& series) {
  return fmt::format("{}{}{}", name_of(series.validity), series.reason.empty() ? "" : ": ",
                     series.reason);
}

// Why there is no ratio; empty: there is one.
std::string missing(const Pair& pair) {
  if (weaker(pair).validity == Validity::kNotMeasurable) {
    return validity_of(weaker(pair));
  }
  for (const Cell* cell : {pair.machine, pair.container}) {
    if (cell->count == 0 && !cell->series->failures.empty()) {
      return fmt::format("{}: failed: {}", cell->series->subject, cell->series->failures.front());
    }
    if (!cell->interval) {
      return fmt::format("{}: too few observations for an interval", cell->series->subject);
    }
  }
  return pair.machine->ratio ? "" : "there is no ratio of them";
}

// By how much the same subject twice differed; nothing is told that is within it.
Interval noise_of(const Results& results) {
  const auto number = [&](const char* name) {
    const std::string text = results.text("noise", name);
    double value = 1;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  return {std::min(number("lower"), 1.0), std::max(number("upper"), 1.0)};
}

void judge_pair(Advice& advice, const Pair& pair, const Interval& noise) {
  const Metric& metric = *pair.row->metric;
  if (std::string why = missing(pair); !why.empty()) {
    advice.unknown.push_back(fmt::format("{}: {}", pair.row->title, why));
    return;
  }
  const Ratio& ratio = *pair.machine->ratio;
  const Interval cost = as_cost(metric, ratio);
  const bool timed = metric.quantity == Quantity::kTime || metric.quantity == Quantity::kRate;
  const Interval none = timed ? noise : Interval{1, 1};
  const std::string sentence = fmt::format(
      "{}: {} in a microVM, {} in a container: {}; {}", pair.row->title,
      format_value(metric, pair.machine->value), format_value(metric, pair.container->value),
      shown(ratio), validity_of(weaker(pair)));
  if (cost.lower >= 1 / (1 + kNoDifference) && cost.upper <= 1 + kNoDifference) {
    advice.same.push_back(sentence);
  } else if (cost.lower > none.upper) {
    advice.costs.push_back(sentence);
  } else if (cost.upper < none.lower) {
    advice.gains.push_back(sentence);
  } else {
    advice.unknown.push_back(fmt::format(
        "{}: {}: {}", pair.row->title, shown(ratio),
        cost.lower > 1 || cost.upper < 1
            ? fmt::format("the A/A run differed by {:.3f}-{:.3f}", noise.lower, noise.upper)
            : "the interval has 1 in it"));
  }
}

std::optional<Ratio> slowdown(const Results& results, std::string_view subject,
                              std::string_view hog) {
  constexpr const char* kMetric = "neighbours.request";
  const Series* alone = results.find(kMetric, subject, {{"hogs", "none"}});
  const Series* busy = results.find(kMetric, subject, {{"hogs", std::string(hog)}});
  if (alone == nullptr || busy == nullptr || count_of(alone->samples) < samples_for(0.5) ||
      count_of(busy->samples) < samples_for(0.5)) {
    return std::nullopt;
  }
  Random random(1);  // the same advice for the same files
  return ratio_of_medians(alone->samples, busy->samples, kResamples, random);
}

// Whether the run has anything of it.
bool judge_neighbours(Advice& advice, const Results& results) {
  bool any = false;
  for (std::string_view hog : kHogs) {
    const auto machine = slowdown(results, kMachine, hog);
    const auto container = slowdown(results, kContainer, hog);
    if (!machine || !container) {
      continue;
    }
    any = true;
    const Series& series =
        *results.find("neighbours.request", kMachine, {{"hogs", std::string(hog)}});
    const std::string sentence = fmt::format(
        "a request beside hogs of {} over one alone: {} in a microVM, {} in a container; {}", hog,
        shown(*machine), shown(*container), validity_of(series));
    if (machine->interval.lower > container->interval.upper) {
      advice.costs.push_back(sentence);
    } else if (machine->interval.upper < container->interval.lower) {
      advice.gains.push_back(sentence);
    } else {
      advice.unknown.push_back(sentence + ": the intervals overlap");
    }
  }
  return any;
}

std::vector<const Fact*> facts_of(const Results& results, std::string_view topic,
                                  std::string_view subject) {
  std::vector<const Fact*> found;
  for (const Fact& fact : results.facts) {
    if (fact.topic == topic && fact.subject == subject) {
      found.push_back(&fact);
    }
  }
  return found;
}

// Fewer of something that is dangerous is a gain. Counts have no interval.
void judge_counts(Advice& advice, std::string sentence, std::size_t machine,
                  std::size_t container) {
  sentence += "; a count";
  (machine < container   ? advice.gains
   : machine > container ? advice.costs
                         : advice.same)
      .push_back(std::move(sentence));
}

std::size_t count_if(const std::vector<const Fact*>& facts, std::string Fact::*member,
                     std::string_view value) {
  return static_cast<std::size_t>(
      std::ranges::count_if(facts, [&](const Fact* fact) { return fact->*member == value; }));
}

void judge_shared(Advice& advice, const Results& results) {
  const auto machine = facts_of(results, "shared", kMachine);
  const auto container = facts_of(results, "shared", kContainer);
  const Fact* own = results.find_fact("shared", "boot_id", kMachine);
  const Fact* host = results.find_fact("shared", "boot_id", kContainer);
  if (own != nullptr && host != nullptr && own->note.empty() && !host->note.empty()) {
    advice.gains.emplace_back(
        "a kernel of its own: the microVM's boot id is another than the host's, the container's is "
        "the host's; a fact");
  }
  const std::size_t in_machine = count_if(machine, &Fact::note, "as on the host");
  const std::size_t in_container = count_if(container, &Fact::note, "as on the host");
  judge_counts(advice,
               fmt::format("of what a workload sees of the machine, as on the host: {} of {} in a "
                           "microVM, {} of {} in a container",
                           in_machine, machine.size(), in_container, container.size()),
               in_machine, in_container);
}

void judge_escapes(Advice& advice, const Results& results) {
  const auto machine = facts_of(results, "escape", kMachine);
  const auto container = facts_of(results, "escape", kContainer);
  const std::size_t out_of_machine = count_if(machine, &Fact::value, "allowed");
  const std::size_t out_of_container = count_if(container, &Fact::value, "allowed");
  judge_counts(
      advice,
      fmt::format("ways out that lead to the host: {} of {} tried in a microVM ({} to its own "
                  "kernel), {} of {} in a container; {} of them are proven by a weaker wall",
                  out_of_machine, machine.size(), count_if(machine, &Fact::value, "own kernel"),
                  out_of_container, container.size(),
                  count_if(facts_of(results, "escape", "weakened"), &Fact::value, "leads out")),
      out_of_machine, out_of_container);
}

// Of "N of M" the N, of the thread that has most; nothing without such a fact.
std::optional<std::size_t> most_calls(const std::vector<const Fact*>& facts) {
  std::optional<std::size_t> most;
  for (const Fact* fact : facts) {
    std::size_t count = 0;
    const auto parsed =
        std::from_chars(fact->value.data(), fact->value.data() + fact->value.size(), count);
    if (fact->name.ends_with(": x86_64") && parsed.ec == std::errc()) {
      most = std::max(most.value_or(0), count);
    }
  }
  return most;
}

void judge_calls(Advice& advice, const Results& results) {
  const auto machine = most_calls(facts_of(results, "system calls", kMachine));
  const auto container = most_calls(facts_of(results, "system calls", kContainer));
  if (!machine || !container) {
    advice.unknown.emplace_back("system calls that reach the host's kernel: not measured of both");
    return;
  }
  judge_counts(
      advice,
      fmt::format("x86-64 system calls that reach the host's kernel: {} from the thread of "
                  "the microVM's monitor that has most, for the guest never directly; {} "
                  "from the container's workload",
                  *machine, *container),
      *machine, *container);
}

// Whether the run has tried ways out of both.
bool judge_isolation(Advice& advice, const Results& results) {
  const auto tried = [&](const char* subject) {
    return !facts_of(results, "escape", subject).empty() &&
           results.find_fact("escape", "failed", subject) == nullptr;
  };
  if (!tried(kMachine) || !tried(kContainer)) {
    return false;
  }
  judge_shared(advice, results);
  judge_escapes(advice, results);
  judge_calls(advice, results);
  return true;
}

bool has_both(const Results& results) {
  const auto measured = [&](const char* name) {
    return std::ranges::any_of(results.subjects, [&](const MeasuredSubject& each) {
      return each.name == name && each.measured;
    });
  };
  return measured(kMachine) && measured(kContainer);
}

void append(std::string& text, std::string_view heading, const std::vector<std::string>& lines) {
  text += fmt::format("\n{}\n", heading);
  for (const std::string& line : lines) {
    text += fmt::format("  {}\n", line);
  }
  if (lines.empty()) {
    text += "  nothing\n";
  }
}

// The first run that has a figure for both, or else the first that knows of both.
void judge_claim(Advice& advice, std::span<const Results> runs, const std::vector<Table>& tables,
                 const Claim& claim, std::string& unmeasured) {
  Pair known;
  Interval noise{1, 1};
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const Pair pair = find_pair(tables[i], claim);
    if (pair.machine == nullptr || pair.container == nullptr) {
      continue;
    }
    const bool whole = missing(pair).empty();
    if (known.row == nullptr || whole) {
      known = pair;
      noise = noise_of(runs[i]);
    }
    if (whole) {
      break;
    }
  }
  if (known.row != nullptr) {
    judge_pair(advice, known, noise);
  } else {
    unmeasured += unmeasured.empty() ? "" : "; ";
    unmeasured += find_metric(claim.metric)->title;
  }
}

}  // namespace

Result<void> require_both(std::span<const Results> runs) {
  if (std::ranges::any_of(runs, has_both)) {
    return success();
  }
  std::string reasons;
  for (const Results& results : runs) {
    for (const MeasuredSubject& each : results.subjects) {
      if ((each.name == kMachine || each.name == kContainer) && !each.measured) {
        reasons += fmt::format("; {}: {}", each.name, printable(each.note));
      }
    }
  }
  return make_error(ErrorCode::kUnsupported,
                    "there is nothing to advise from: no run has both a microVM and a container{}",
                    reasons);
}

Result<Advice> advise(std::span<const Results> runs) {
  BOTHY_TRY(require_both(runs));
  Advice advice;
  std::vector<Table> tables;
  for (const Results& results : runs) {
    BOTHY_TRY(require_comparable(runs.front(), results));
    tables.push_back(make_table(results));
  }
  advice.image = runs.front().text("configuration", "image");
  advice.place = where(runs.front());
  std::string unmeasured;
  for (const Claim& claim : kClaims) {
    judge_claim(advice, runs, tables, claim, unmeasured);
  }
  if (std::ranges::none_of(runs,
                           [&](const Results& each) { return judge_neighbours(advice, each); })) {
    unmeasured += unmeasured.empty() ? "requests beside hogs" : "; requests beside hogs";
  }
  if (std::ranges::none_of(runs,
                           [&](const Results& each) { return judge_isolation(advice, each); })) {
    unmeasured += unmeasured.empty() ? "isolation" : "; isolation";
  }
  if (!unmeasured.empty()) {
    advice.unknown.push_back("not measured of both: " + unmeasured);
  }
  return advice;
}

std::string text_of(const Advice& advice) {
  std::string text = fmt::format("a microVM over a container; image: {}\n{}\n",
                                 printable(advice.image), printable(advice.place, 1000));
  append(text, "It costs", advice.costs);
  append(text, "It buys", advice.gains);
  append(text, fmt::format("It makes no difference of {:.0f} %", kNoDifference * 100), advice.same);
  append(text, "These data don't carry", advice.unknown);
  return text;
}

}  // namespace bothy::bench

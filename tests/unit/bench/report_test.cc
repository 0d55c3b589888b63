#include "bench/report/table.h"
#include "bench/report/text.h"
#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

Levels levels(double value) {
  Levels all(1);
  for (int i = 0; i < 8; ++i) {
    all[0].push_back({value + i * value / 100});
  }
  return all;
}

// A run of two subjects, one metric alone and at 5, 50 and 100 at once.
Results example() {
  Results results;
  results.header = {{"run", {{"seed", 7}, {"bothy", "bothy 1"}}},
                    {"host", {{"class", "bare"}, {"kernel", "6.1"}, {"processors", "2"}}},
                    {"configuration", {{"sessions", 1}, {"starts", 8}}},
                    {"noise", {{"ratio", 1.01}, {"lower", 0.98}, {"upper", 1.03}, {"null", true}}}};
  for (const char* name : {"vm", "container"}) {
    results.subjects.push_back({name, name, "bothy 1", "bothy run", "", true});
  }
  for (const char* count : {"100", "50", "5"}) {
    results.at("startup.end", "vm", {{"at once", count}}).samples = levels(3e6);
  }
  results.at("startup.end", "vm").samples = levels(2e6);
  results.at("startup.end", "container").samples = levels(1e6);
  return results;
}

}  // namespace

TEST_CASE("A table has a row for each metric and parameter, numbers in order") {
  const Results results = example();
  const Table table = make_table(results);
  REQUIRE(table.rows.size() == 4);
  CHECK(table.rows[0].title == "start to the command's end");
  CHECK(table.rows[1].title == "start to the command's end (at once 5)");
  CHECK(table.rows[3].title == "start to the command's end (at once 100)");
  CHECK(table.subjects[table.reference] == "container");
  const Cell& cell = table.rows[0].cells[0];
  CHECK(cell.count == 8);
  CHECK(cell.interval);
  CHECK(!cell.p90);  // 8 starts carry none
  CHECK(!cell.p99);
  REQUIRE(cell.ratio);
  CHECK(cell.ratio->value == Approx(2));
  CHECK(!table.rows[0].cells[1].ratio);
  CHECK(table.rows[1].cells[1].series == nullptr);
}

TEST_CASE("So few starts that they carry no interval have no ratio") {
  Results results = example();
  results.at("startup.end", "vm").samples = {{{2e6}, {2e6}}};
  const Table table = make_table(results);
  CHECK(table.rows[0].cells[0].count == 2);
  CHECK(!table.rows[0].cells[0].ratio);
}

TEST_CASE("The text has the medians, the ratio and what is to be known") {
  const std::string text = text_report(example());
  CHECK(text.find("vm/container") != std::string::npos);
  CHECK(text.find("2.07 ms") != std::string::npos);
  CHECK(text.find("x2.00 (") != std::string::npos);
  CHECK(text.find("null, as it must be") != std::string::npos);
  CHECK(text.find("seed 7") != std::string::npos);
  CHECK(text_report(example()) == text);  // the bootstrap draws from the run's seed
}

TEST_CASE("A noisy host is told") {
  Results results = example();
  results.header["noise"].get_object()["null"] = false;
  CHECK(text_report(results).find("too noisy") != std::string::npos);
  CHECK(markdown_report(results).find("too noisy") != std::string::npos);
}

TEST_CASE("What isn't measurable says so instead of a figure") {
  Results results = example();
  Series& series = results.at("startup.cpu", "vm");
  series.validity = Validity::kNotMeasurable;
  series.reason = "no guests";
  results.at("startup.cpu", "container").samples = levels(1e6);
  const std::string text = text_report(results);
  CHECK(text.find("not measurable here  ") != std::string::npos);
  CHECK(text.find("not measurable here: no guests") != std::string::npos);
}

TEST_CASE("A curve's figure is its slope over the number of instances") {
  Results results = example();
  Series& curve = results.at("memory.pss", "vm");
  Series& noise = results.at("memory.available", "vm");
  curve.samples.resize(1);
  noise.samples.resize(1);
  curve.samples[0].emplace_back();
  noise.samples[0].emplace_back();
  for (int n = 1; n <= 10; ++n) {
    curve.samples[0][0].push_back(5e6 + n * 12.0 * 1048576);
    noise.samples[0][0].push_back(n % 2 == 0 ? 1e6 : -1e6);
  }
  const std::string text = text_report(results);
  CHECK(text.find("12.0 MiB") != std::string::npos);
  CHECK(text.find("within noise") != std::string::npos);
}

TEST_CASE("Failed starts are counted") {
  Results results = example();
  results.at("startup.faults", "vm").failures = {"a", "b"};
  CHECK(text_report(results).find("2 starts failed") != std::string::npos);
}

TEST_CASE("CSV has a line for each series, and no quantile that n doesn't carry") {
  const std::string text = csv_report(example());
  CHECK(std::count(text.begin(), text.end(), '\n') == 6);
  CHECK(text.find("\"startup.end\",\"\",\"vm\",\"ns\",8,2.07e+06,") != std::string::npos);
  CHECK(text.find("\"at once=50\"") != std::string::npos);
}

TEST_CASE("Nothing measured makes an empty report, not a crash") {
  const Results nothing;
  CHECK(make_table(nothing).rows.empty());
  CHECK(!text_report(nothing).empty());
  CHECK(!markdown_report(nothing).empty());
  CHECK(!csv_report(nothing).empty());
}

}  // namespace bothy::bench

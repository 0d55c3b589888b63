#include "bench/results/results.h"

#include "bench/results/metrics.h"
#include "bench/results/validity.h"
#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

Results example() {
  Results results;
  results.header = {{"run", {{"seed", 7}, {"bothy", "bothy 1"}}}, {"host", {{"class", "none"}}}};
  results.subjects.push_back({"container", "container", "bothy 1", "bothy run", "", true});
  results.subjects.push_back({"gvisor", "container", "", "", "not installed", false});
  Series& series = results.at("startup.first-byte", "container", {{"at once", "10"}});
  series.samples = {{{1.5, 2}, {3}}, {{4}}};
  series.first = {9};
  series.failures = {"exit status 1; \"no\""};
  series.validity = Validity::kRatioOnly;
  series.reason = "few";
  results.facts.push_back({"escape", "mount", "container", "refused", "EPERM"});
  return results;
}

Circumstances bare() {
  Circumstances at;
  at.host_class = HostClass::kBare;
  at.sessions = kPublishableSessions;
  at.starts = kPublishableStarts;
  return at;
}

}  // namespace

TEST_CASE("Results are read back as they were written") {
  const Results read = Results::parse(example().json(), "file").value();
  CHECK(read.json() == example().json());
  CHECK(read.text("run", "seed") == "7");
  CHECK(read.text("host", "class") == "none");
  CHECK(read.text("host", "nothing").empty());
  const Series* series = read.find("startup.first-byte", "container", {{"at once", "10"}});
  REQUIRE(series != nullptr);
  CHECK(series->samples == Levels{{{1.5, 2}, {3}}, {{4}}});
  CHECK(series->validity == Validity::kRatioOnly);
  CHECK(read.find("startup.first-byte", "container") == nullptr);
  CHECK(read.find_fact("escape", "mount", "container")->value == "refused");
  CHECK(read.subjects.at(1).note == "not installed");
}

TEST_CASE("Samples have seven digits, which is more than they carry") {
  Results results;
  results.at("inside.syscall", "vm").samples = {{{123.456789012345, 22714992}}};
  CHECK(results.json().find("[[[1.234568E2,2.271499E7]]]") != std::string::npos);
}

TEST_CASE("What isn't a result is refused, with its name") {
  for (
      const char* text :
      {"", "[]", "{}", R"({"schema": "bothy-bench/2"})",
       R"({"schema": "bothy-bench/1", "series": 1})",
       R"({"schema": "bothy-bench/1", "series": [1]})",
       R"({"schema": "bothy-bench/1", "series": [{"validity": "perfect"}]})",
       R"({"schema": "bothy-bench/1", "series": [{"validity": "count only", "samples": [1]}]})",
       R"({"schema": "bothy-bench/1", "series": [{"validity": "count only", "samples": [[1]]}]})",
       R"({"schema": "bothy-bench/1", "series": [{"validity": "count only", "samples": [[["x"]]]}]})"}) {
    INFO(text);
    const auto results = Results::parse(text, "'file'");
    REQUIRE(results.has_error());
    CHECK(results.error().context.find("'file'") != std::string::npos);
  }
}

TEST_CASE("Every metric has a title, a unit and a method, once") {
  for (const Metric& metric : metrics()) {
    INFO(metric.name);
    CHECK(find_metric(metric.name) == &metric);
    CHECK(!metric.title.empty());
    CHECK(!metric.method.empty());
    CHECK((metric.quantity == Quantity::kRate) == metric.unit.ends_with("/s"));
  }
  CHECK(find_metric("nothing") == nullptr);
}

TEST_CASE("Values are shown in a unit that fits") {
  const Metric& time = *find_metric("startup.end");
  CHECK(format_value(time, 950) == "950 ns");
  CHECK(format_value(time, 12'340'000) == "12.3 ms");
  CHECK(format_value(time, 1'234'000'000) == "1.23 s");
  CHECK(format_value(*find_metric("memory.pss"), 3 * 1048576) == "3.00 MiB");
  CHECK(format_value(*find_metric("inside.pipe"), 2.5e9) == "2.50 GB/s");
  CHECK(format_value(*find_metric("startup.faults"), 441.2) == "441");
  CHECK(format_value(*find_metric("startup.rate"), 99.72) == "99.7/s");
}

TEST_CASE("A time is publishable on bare hardware alone, with enough starts and no noise") {
  CHECK(judge(bare(), Kind::kVm, Quantity::kTime).validity == Validity::kPublishable);
  Circumstances at = bare();
  at.starts = 29;
  CHECK(judge(at, Kind::kContainer, Quantity::kTime).validity == Validity::kRatioOnly);
  at = bare();
  at.noisy = true;
  CHECK(judge(at, Kind::kContainer, Quantity::kRate).validity == Validity::kRatioOnly);
  at = bare();
  at.virtual_host = true;
  CHECK(judge(at, Kind::kProcess, Quantity::kTime).validity == Validity::kRatioOnly);
  at.host_class = HostClass::kNested;
  CHECK(judge(at, Kind::kVm, Quantity::kTime).validity == Validity::kRatioOnly);
}

TEST_CASE("An emulated processor has counts of guests and no times") {
  Circumstances at = bare();
  at.host_class = HostClass::kEmulated;
  at.emulated_host = true;
  CHECK(judge(at, Kind::kVm, Quantity::kTime).validity == Validity::kNotMeasurable);
  CHECK(judge(at, Kind::kVm, Quantity::kRate).validity == Validity::kNotMeasurable);
  CHECK(judge(at, Kind::kVm, Quantity::kBytes).validity == Validity::kCountOnly);
  CHECK(judge(at, Kind::kContainer, Quantity::kTime).validity == Validity::kRatioOnly);
  CHECK(judge(at, Kind::kContainer, Quantity::kBytes).validity == Validity::kPublishable);
}

TEST_CASE("Where no guest runs nothing of one is measurable") {
  Circumstances at = bare();
  at.host_class = HostClass::kNone;
  CHECK(judge(at, Kind::kVm, Quantity::kCount).validity == Validity::kNotMeasurable);
  CHECK(judge(at, Kind::kContainer, Quantity::kTime).validity == Validity::kPublishable);
}

}  // namespace bothy::bench

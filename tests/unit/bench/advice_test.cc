#include "bench/report/advice.h"

#include <algorithm>
#include <cmath>

#include "bench/statistics/random.h"
#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

// Two sessions of five starts, a few percent around `value`.
Levels around(Random& random, double value) {
  Levels all(2);
  for (auto& session : all) {
    for (int i = 0; i < 5; ++i) {
      session.push_back({value * std::exp(0.02 * random.normal())});
    }
  }
  return all;
}

void add(Results& results, std::string_view metric, double machine, double container,
         const Parameters& parameters = {}) {
  Random random(5);
  for (const auto& [name, value] : {std::pair("vm", machine), std::pair("container", container)}) {
    Series& series = results.at(metric, name, parameters);
    series.samples = around(random, value);
    series.validity = Validity::kRatioOnly;
    series.reason = "2 sessions of 5 starts";
  }
}

void add_fact(Results& results, const char* topic, const char* name, const char* subject,
              const char* value, const char* note = "") {
  results.facts.push_back({topic, name, subject, value, note});
}

Results example() {
  Results results;
  results.header = {{"run", {{"seed", 7}, {"bothy", "bothy 1"}}},
                    {"host", {{"class", "bare"}, {"kernel", "6.1"}, {"processors", "2"}}},
                    {"configuration", {{"image", "/images/web"}, {"sessions", 2}, {"starts", 5}}},
                    {"noise", {{"ratio", 1.0}, {"lower", 0.97}, {"upper", 1.04}, {"null", true}}}};
  for (const char* name : {"vm", "container"}) {
    results.subjects.push_back({name, name, "bothy 1", "bothy run", "", true});
  }
  return results;
}

Advice advice_of(const Results& results) {
  return advise({&results, 1}).value();
}

bool has(const std::vector<std::string>& lines, std::string_view text) {
  return std::ranges::any_of(
      lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("What takes longer is a cost, with both figures, the ratio, its interval and validity") {
  Results results = example();
  add(results, "startup.first-byte", 90e6, 30e6);
  const Advice advice = advice_of(results);
  REQUIRE(advice.costs.size() == 1);
  const std::string& line = advice.costs[0];
  CHECK(line.starts_with("start to the workload's first byte: 9"));
  CHECK(line.find(" ms in a microVM, ") != std::string::npos);
  CHECK(line.find(" in a container: x3.0") != std::string::npos);
  CHECK(line.find("; ratio only: 2 sessions of 5 starts") != std::string::npos);
  CHECK(advice.gains.empty());
  CHECK(advice.image == "/images/web");
}

TEST_CASE("Less of a rate is a cost, and less memory a gain") {
  Results results = example();
  add(results, "storage.write", 1e8, 4e8, {{"at", "volume"}});
  add(results, "portability.bytes", 1e6, 2e6);
  const Advice advice = advice_of(results);
  CHECK(advice.costs.size() == 1);
  CHECK(has(advice.costs, "writing in sequence (at volume): "));
  CHECK(advice.gains.size() == 1);
  CHECK(has(advice.gains, "disk space of an image"));
}

TEST_CASE("What is the same within its interval is told as that") {
  Results results = example();
  Random random(5);
  for (const char* name : {"vm", "container"}) {
    results.at("inside.compute", name).samples = {{{100}, {100.1}, {100.2}},
                                                  {{100}, {100.1}, {100.2}}};
  }
  const Advice advice = advice_of(results);
  CHECK(has(advice.same, "computing: "));
  CHECK(advice.costs.empty());
}

TEST_CASE("Nothing is told that the data don't carry") {
  Results results = example();
  SECTION("an interval with 1 in it") {
    results.at("inside.syscall", "vm").samples = {{{90}, {100}, {200}, {40}, {150}, {80}}};
    results.at("inside.syscall", "container").samples = {{{100}, {60}, {180}, {50}, {90}, {140}}};
    CHECK(has(advice_of(results).unknown, "the interval has 1 in it"));
  }
  SECTION("too few starts") {
    add(results, "inside.syscall", 300, 100);
    results.at("inside.syscall", "vm").samples = {{{300}, {301}}};
    CHECK(has(advice_of(results).unknown, "vm: too few observations"));
  }
  SECTION("a difference that the A/A run had as well") {
    add(results, "inside.syscall", 150, 100);
    results.header["noise"].get_object()["upper"] = 1.7;
    CHECK(has(advice_of(results).unknown, "the A/A run differed by 0.970-1.700"));
  }
  SECTION("a failure") {
    add(results, "inside.syscall", 150, 100);
    results.at("inside.syscall", "vm").samples.clear();
    results.at("inside.syscall", "vm").failures = {"EPERM"};
    CHECK(has(advice_of(results).unknown, "vm: failed: EPERM"));
  }
  SECTION("what isn't measurable here") {
    add(results, "inside.syscall", 150, 100);
    Series& series = results.at("inside.syscall", "vm");
    series.samples.clear();
    series.validity = Validity::kNotMeasurable;
    series.reason = "the processor is emulated";
    CHECK(has(advice_of(results).unknown, "not measurable here: the processor is emulated"));
  }
  const Advice advice = advice_of(results);
  CHECK(advice.costs.empty());
  CHECK(advice.gains.empty());
  CHECK(has(advice.unknown, "not measured of both: start to the workload's first byte"));
  CHECK(has(advice.unknown, "isolation"));
}

TEST_CASE("The A/A run says nothing of sizes") {
  Results results = example();
  add(results, "portability.bytes", 3e6, 2e6);
  results.header["noise"].get_object()["upper"] = 1.7;
  CHECK(has(advice_of(results).costs, "disk space of an image"));
}

TEST_CASE("A microVM buys a kernel of its own, and fewer ways to the host's") {
  Results results = example();
  add_fact(results, "shared", "boot_id", "vm", "a");
  add_fact(results, "shared", "boot_id", "container", "b", "as on the host");
  add_fact(results, "shared", "release", "vm", "6.1", "as on the host");
  add_fact(results, "shared", "release", "container", "6.1", "as on the host");
  for (const char* way : {"mount", "bpf"}) {
    add_fact(results, "escape", way, "vm", "own kernel");
    add_fact(results, "escape", way, "container", "refused");
    add_fact(results, "escape", way, "weakened", "leads out");
  }
  add_fact(results, "system calls", "monitor, thread vcpu: x86_64", "vm", "20 of 373");
  add_fact(results, "system calls", "monitor, thread io: x86_64", "vm", "35 of 373");
  add_fact(results, "system calls", "workload: x86_64", "container", "310 of 373");
  add_fact(results, "system calls", "workload: x86", "container", "0 of 373");
  const Advice advice = advice_of(results);
  CHECK(has(advice.gains, "a kernel of its own"));
  CHECK(has(advice.gains, "as on the host: 1 of 2 in a microVM, 2 of 2 in a container; a count"));
  CHECK(has(advice.gains, "35 from the thread"));
  CHECK(has(advice.gains, "310 from the container's workload"));
  // Neither leads out: that is no difference.
  CHECK(has(advice.same,
            "0 of 2 tried in a microVM (2 to its own kernel), 0 of 2 in a container; "
            "2 of them are proven"));
  const std::string text = text_of(advice);
  CHECK(text.find("\nIt costs\n  nothing\n") != std::string::npos);
  CHECK(text.find("\nIt buys\n  a kernel of its own") != std::string::npos);
}

TEST_CASE("Neighbours are weighed by how much they slow each down") {
  Results results = example();
  for (const char* hog : {"none", "memory", "cpu"}) {
    const bool alone = std::string_view(hog) == "none";
    const bool memory = std::string_view(hog) == "memory";
    add(results, "neighbours.request",
        memory  ? 2.2e6
        : alone ? 2e6
                : 4e6,
        memory  ? 4e6
        : alone ? 1e6
                : 2e6,
        {{"hogs", hog}});
  }
  const Advice advice = advice_of(results);
  CHECK(has(advice.gains, "a request beside hogs of memory over one alone: x1.1"));
  CHECK(has(advice.unknown, "hogs of cpu"));
  CHECK(has(advice.unknown, "the intervals overlap"));
}

TEST_CASE("A figure is of the first run that has it of both") {
  Results first = example();
  Results second = example();
  add(first, "startup.first-byte", 90e6, 30e6);
  first.at("inside.syscall", "container").samples = {{{1}, {1}, {1}, {1}, {1}, {1}}};
  add(second, "inside.syscall", 300, 100);
  add(second, "startup.first-byte", 30e6, 90e6);
  const Advice advice = advise(std::vector{first, second}).value();
  CHECK(has(advice.costs, "system call: "));
  CHECK(has(advice.costs, "start to the workload's first byte: "));
  CHECK(advice.gains.empty());
}

TEST_CASE("Runs without a microVM, or of two images, advise nothing") {
  Results results = example();
  add(results, "startup.first-byte", 90e6, 30e6);
  Results other = results;
  other.header["configuration"].get_object()["image"] = "/images/other";
  const auto two = advise(std::vector{results, other});
  REQUIRE(two.has_error());
  CHECK(two.error().context.find("/images/other") != std::string::npos);
  results.subjects[0].measured = false;
  results.subjects[0].note = "no /dev/kvm";
  const auto none = advise({&results, 1});
  REQUIRE(none.has_error());
  CHECK(none.error().code == ErrorCode::kUnsupported);
  CHECK(none.error().context.find("vm: no /dev/kvm") != std::string::npos);
  CHECK(advise({}).has_error());
}

}  // namespace bothy::bench

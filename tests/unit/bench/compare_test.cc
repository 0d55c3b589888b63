#include "bench/report/compare.h"

#include <cmath>

#include "bench/statistics/random.h"
#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

// A run of one subject whose starts take `factor` times as long; sessions differ by some percent,
// as those of real hosts do.
Results run_of(Random& random, double factor) {
  Results results;
  results.header = {{"host", {{"class", "bare"}}},
                    {"configuration", {{"image", "the probe alone"}}}};
  Levels& samples = results.at("startup.first-byte", "container").samples;
  for (int session = 0; session < 5; ++session) {
    const double drift = std::exp(0.01 * random.normal());
    samples.emplace_back();
    for (int start = 0; start < 30; ++start) {
      samples.back().push_back({factor * drift * 1e7 * std::exp(0.05 * random.normal())});
    }
  }
  return results;
}

Change change_of(Random& random, double factor) {
  const Results before = run_of(random, 1);
  const Results after = run_of(random, factor);
  return compare(before, after, 0.05).value().differences.at(0).change;
}

}  // namespace

TEST_CASE("A slowdown of a tenth is found in 20 runs of 20, and none where there is none") {
  Random random(21);
  for (int i = 0; i < 20; ++i) {
    CHECK(change_of(random, 1.1) == Change::kSlower);
    CHECK(change_of(random, 1) != Change::kSlower);
    CHECK(change_of(random, 1) != Change::kFaster);
    CHECK(change_of(random, 0.9) == Change::kFaster);
  }
}

TEST_CASE("A run is the same as itself") {
  Random random(22);
  const Results results = run_of(random, 1);
  const Comparison comparison = compare(results, results, 0.05).value();
  CHECK(comparison.differences.at(0).change == Change::kSame);
  CHECK(comparison.differences.at(0).ratio.value == 1);
  CHECK(text_of(comparison).find("0 slower, 0 faster, 1 the same") != std::string::npos);
}

TEST_CASE("Few starts and much noise are inconclusive") {
  Results before;
  before.header = {{"host", {{"class", "bare"}}}};
  Results after = before;
  before.at("startup.end", "vm").samples = {{{1.0}, {2.0}, {3.0}}};
  after.at("startup.end", "vm").samples = {{{1.5}, {2.5}, {3.5}}};
  const Comparison comparison = compare(before, after, 0.05).value();
  CHECK(comparison.differences.at(0).change == Change::kInconclusive);
  CHECK(text_of(comparison).find("fewer than 4 sessions") != std::string::npos);
}

TEST_CASE("Less throughput is slower") {
  Results before;
  before.header = {{"host", {{"class", "bare"}}}};
  Results after = before;
  for (int session = 0; session < 5; ++session) {
    for (auto [results, value] : {std::pair(&before, 100.0), std::pair(&after, 50.0)}) {
      auto& samples = results->at("inside.pipe", "vm").samples;
      samples.push_back({{value + session}, {value}});
    }
  }
  CHECK(compare(before, after, 0.05).value().differences.at(0).change == Change::kSlower);
}

TEST_CASE("Other hosts and configurations are refused by what differs") {
  Random random(23);
  const Results before = run_of(random, 1);
  Results after = run_of(random, 1);
  after.header["host"].get_object()["class"] = "nested";
  CHECK(compare(before, after, 0.05).error().context.find("host class is 'bare'") !=
        std::string::npos);
  after = run_of(random, 1);
  after.header["configuration"].get_object()["image"] = "debian";
  CHECK(compare(before, after, 0.05).has_error());
  Results other;
  other.header = before.header;
  CHECK(compare(before, other, 0.05).error().context.find("nothing in common") !=
        std::string::npos);
}

}  // namespace bothy::bench

// Results: what a run has measured, and its one JSON form (docs/benchmark.md describes it).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/statistics/compare.h"

namespace bothy::bench {

inline constexpr std::string_view kSchema = "bothy-bench/1";

// What a figure may be used for.
enum class Validity {
  kPublishable,
  kRatioOnly,      // compared with others of this run, on this host
  kCountOnly,      // a count or a size that holds here, of a subject whose times don't
  kNotMeasurable,  // no samples; `reason` says why
};
[[nodiscard]] std::string_view name_of(Validity validity) noexcept;

using Parameters = std::map<std::string, std::string>;  // by name: "concurrency" -> "10"

// Observations of one metric (metrics.h) of one subject.
struct Series {
  std::string metric;
  std::string subject;
  Parameters parameters;
  Levels samples;                     // session, start, iteration
  std::vector<double> first;          // the first start of each session, which fills caches
  std::vector<std::string> failures;  // one for each start that failed
  Validity validity = Validity::kPublishable;
  std::string reason;  // for the validity, in a line

  [[nodiscard]] bool same_as(const Series& other) const {
    return metric == other.metric && subject == other.subject && parameters == other.parameters;
  }
};

// Something found, not measured: a probe's answer, a number of system calls.
struct Fact {
  std::string topic;  // "escape", "seccomp", "shared", "subjects"
  std::string name;
  std::string subject;
  std::string value;
  std::string note;
};

struct MeasuredSubject {
  std::string name;
  std::string kind;
  std::string version;
  std::string command;  // of a start
  std::string note;     // why it isn't measured, or how far its adapter may be trusted
  bool measured = false;
};

struct Results {
  boost::json::object header;  // when, where, with what: see describe_run()
  std::vector<MeasuredSubject> subjects;
  std::vector<Series> series;
  std::vector<Fact> facts;

  // The series of that metric, subject and parameters, made empty if there is none yet. The
  // reference holds until the next call.
  [[nodiscard]] Series& at(std::string_view metric, std::string_view subject,
                           const Parameters& parameters = {});
  [[nodiscard]] const Series* find(std::string_view metric, std::string_view subject,
                                   const Parameters& parameters = {}) const;
  [[nodiscard]] const Fact* find_fact(std::string_view topic, std::string_view name,
                                      std::string_view subject) const;
  // A member of header, as text; "" without it.
  [[nodiscard]] std::string text(std::string_view section, std::string_view name) const;

  // A series or fact a line, so that two runs can be compared by eye.
  [[nodiscard]] std::string json() const;
  // kBadInput for what json() didn't write; kUnsupported for another schema.
  [[nodiscard]] static Result<Results> parse(std::string_view text, std::string_view what);
};

// Reads DIR/bench.json, or the file itself.
[[nodiscard]] Result<Results> read_results(const std::string& path);

}  // namespace bothy::bench

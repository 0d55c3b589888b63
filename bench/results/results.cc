#include "bench/results/results.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/files.h"
#include "base/json_fields.h"
#include "bench/results/metrics.h"

namespace bothy::bench {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxFile = 512U << 20U;

constexpr std::array kValidities{
    std::pair(Validity::kPublishable, std::string_view("publishable")),
    std::pair(Validity::kRatioOnly, std::string_view("ratio only")),
    std::pair(Validity::kCountOnly, std::string_view("count only")),
    std::pair(Validity::kNotMeasurable, std::string_view("not measurable here"))};

Result<Validity> validity_of(std::string_view name, std::string_view what) {
  for (const auto& [each, text] : kValidities) {
    if (text == name) {
      return each;
    }
  }
  return make_error(ErrorCode::kBadInput, "{}: invalid validity '{}'", what, printable(name));
}

// A clock's last digits are noise, and half of a file.
constexpr int kDigits = 7;

json::object to_json(const Series& series) {
  json::object parameters;
  for (const auto& [name, value] : series.parameters) {
    parameters[name] = value;
  }
  json::array sessions;
  for (const auto& session : series.samples) {
    json::array starts;
    for (const auto& start : session) {
      json::array& iterations = starts.emplace_back(json::array()).get_array();
      for (const double value : start) {
        iterations.push_back(rounded(value, kDigits));
      }
    }
    sessions.push_back(std::move(starts));
  }
  return {{"metric", series.metric},
          {"subject", series.subject},
          {"parameters", std::move(parameters)},
          {"validity", name_of(series.validity)},
          {"reason", series.reason},
          {"failures", json::array(series.failures.begin(), series.failures.end())},
          {"first", json::array(series.first.begin(), series.first.end())},
          {"samples", std::move(sessions)}};
}

json::object to_json(const Fact& fact) {
  return {{"topic", fact.topic},
          {"name", fact.name},
          {"subject", fact.subject},
          {"value", fact.value},
          {"note", fact.note}};
}

json::object to_json(const MeasuredSubject& subject) {
  return {{"name", subject.name},       {"kind", subject.kind}, {"version", subject.version},
          {"command", subject.command}, {"note", subject.note}, {"measured", subject.measured}};
}

template <class Items>
std::string lines(const Items& items) {
  std::string text = "[";
  const char* separator = "\n";
  for (const auto& item : items) {
    text += separator + json::serialize(to_json(item));
    separator = ",\n";
  }
  return text + "]";
}

Result<std::vector<double>> numbers_of(const json::array& array, std::string_view what) {
  std::vector<double> numbers;
  for (const json::value& value : array) {
    boost::system::error_code error;
    numbers.push_back(value.to_number<double>(error));
    if (error) {
      return make_error(ErrorCode::kBadInput, "{}: a sample is not a number", what);
    }
  }
  return numbers;
}

Error no_array(std::string_view what) {
  return make_error(ErrorCode::kBadInput, "{}: samples are not arrays of sessions and starts",
                    what);
}

Result<Levels> levels_of(const json::array& sessions, std::string_view what) {
  Levels levels;
  for (const json::value& session : sessions) {
    if (!session.is_array()) {
      return no_array(what);
    }
    auto& starts = levels.emplace_back();
    for (const json::value& start : session.get_array()) {
      if (!start.is_array()) {
        return no_array(what);
      }
      BOTHY_TRY(starts.emplace_back(), numbers_of(start.get_array(), what));
    }
  }
  return levels;
}

Result<Series> series_of(const json::value& value, std::string_view what) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(value, what));
  Series series;
  BOTHY_TRY(series.metric, fields.text("metric"));
  BOTHY_TRY(series.subject, fields.text("subject"));
  BOTHY_TRY(series.parameters, fields.text_map("parameters"));
  BOTHY_TRY(const std::string validity, fields.text("validity"));
  BOTHY_TRY(series.validity, validity_of(validity, what));
  BOTHY_TRY(series.reason, fields.text("reason"));
  BOTHY_TRY(series.failures, fields.texts("failures"));
  BOTHY_TRY(const json::array* first, fields.array("first"));
  if (first != nullptr) {
    BOTHY_TRY(series.first, numbers_of(*first, what));
  }
  BOTHY_TRY(const json::array* samples, fields.array("samples"));
  if (samples != nullptr) {
    BOTHY_TRY(series.samples, levels_of(*samples, what));
  }
  return series;
}

Result<Fact> fact_of(const json::value& value, std::string_view what) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(value, what));
  Fact fact;
  BOTHY_TRY(fact.topic, fields.text("topic"));
  BOTHY_TRY(fact.name, fields.text("name"));
  BOTHY_TRY(fact.subject, fields.text("subject"));
  BOTHY_TRY(fact.value, fields.text("value"));
  BOTHY_TRY(fact.note, fields.text("note"));
  return fact;
}

Result<MeasuredSubject> subject_of(const json::value& value, std::string_view what) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(value, what));
  MeasuredSubject subject;
  BOTHY_TRY(subject.name, fields.text("name"));
  BOTHY_TRY(subject.kind, fields.text("kind"));
  BOTHY_TRY(subject.version, fields.text("version"));
  BOTHY_TRY(subject.command, fields.text("command"));
  BOTHY_TRY(subject.note, fields.text("note"));
  subject.measured = fields.flag("measured");
  return subject;
}

template <class Item, class Parse>
Result<std::vector<Item>> list_of(const JsonFields& fields, std::string_view name, Parse parse,
                                  std::string_view what) {
  std::vector<Item> items;
  BOTHY_TRY(const json::array* array, fields.array(name));
  for (const json::value& value : array == nullptr ? json::array() : *array) {
    BOTHY_TRY(Item item, parse(value, what));
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

std::string_view name_of(Validity validity) noexcept {
  for (const auto& [each, name] : kValidities) {
    if (each == validity) {
      return name;
    }
  }
  return "";
}

Series& Results::at(std::string_view metric, std::string_view subject,
                    const Parameters& parameters) {
  const auto found = std::ranges::find_if(series, [&](const Series& each) {
    return each.metric == metric && each.subject == subject && each.parameters == parameters;
  });
  if (found != series.end()) {
    return *found;
  }
  Series& added = series.emplace_back();
  added.metric = metric;
  added.subject = subject;
  added.parameters = parameters;
  return added;
}

const Series* Results::find(std::string_view metric, std::string_view subject,
                            const Parameters& parameters) const {
  const auto found = std::ranges::find_if(series, [&](const Series& each) {
    return each.metric == metric && each.subject == subject && each.parameters == parameters;
  });
  return found == series.end() ? nullptr : &*found;
}

const Fact* Results::find_fact(std::string_view topic, std::string_view name,
                               std::string_view subject) const {
  const auto found = std::ranges::find_if(facts, [&](const Fact& each) {
    return each.topic == topic && each.name == name && each.subject == subject;
  });
  return found == facts.end() ? nullptr : &*found;
}

std::string Results::text(std::string_view section, std::string_view name) const {
  const json::value* group = header.if_contains(section);
  const json::value* value =
      group != nullptr && group->is_object() ? group->get_object().if_contains(name) : nullptr;
  if (value == nullptr) {
    return {};
  }
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::string Results::json() const {
  std::string text = "{\"schema\": " + json::serialize(kSchema);
  for (const auto& [name, value] : header) {
    text += ",\n" + json::serialize(name) + ": " + json::serialize(value);
  }
  text += ",\n\"subjects\": " + lines(subjects);
  text += ",\n\"series\": " + lines(series);
  text += ",\n\"facts\": " + lines(facts);
  return text + "}\n";
}

Result<Results> Results::parse(std::string_view text, std::string_view what) {
  BOTHY_TRY(json::object object, parse_own_object(text, what));
  const JsonFields fields(object, what);
  BOTHY_TRY(const std::string schema, fields.text("schema"));
  if (schema != kSchema) {
    return make_error(ErrorCode::kUnsupported, "{}: its schema is '{}': this bothy reads {}", what,
                      printable(schema), kSchema);
  }
  Results results;
  BOTHY_TRY(results.subjects, list_of<MeasuredSubject>(fields, "subjects", subject_of, what));
  BOTHY_TRY(results.series, list_of<Series>(fields, "series", series_of, what));
  BOTHY_TRY(results.facts, list_of<Fact>(fields, "facts", fact_of, what));
  for (const char* name : {"schema", "subjects", "series", "facts"}) {
    object.stable_erase(name);
  }
  results.header = std::move(object);
  return results;
}

Result<Results> read_results(const std::string& path) {
  struct stat status {};
  const bool directory = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  const std::string file = directory ? path + "/bench.json" : path;
  BOTHY_TRY(const std::string text, read_file(file, kMaxFile));
  return Results::parse(text, "'" + printable(file) + "'");
}

}  // namespace bothy::bench

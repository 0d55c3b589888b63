// Members of an untrusted JSON object, each checked for its type. A member that is null counts as
// absent: Docker writes many of them.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bothy {

// A document that is an object or an array. `what` names the document in errors, which are all
// kBadInput.
[[nodiscard]] Result<boost::json::object> parse_object(std::string_view text,
                                                       std::string_view what);
// A document that bothy wrote: its strings may hold any bytes, as arguments and file names do.
[[nodiscard]] Result<boost::json::object> parse_own_object(std::string_view text,
                                                           std::string_view what);
[[nodiscard]] Result<boost::json::array> parse_array(std::string_view text, std::string_view what);

// Reads members of one object, which outlives it.
class JsonFields {
 public:
  JsonFields(const boost::json::object& object, std::string_view what) noexcept
      : object_(object), what_(what) {}
  // kBadInput when `value` is not an object.
  [[nodiscard]] static Result<JsonFields> of(const boost::json::value& value,
                                             std::string_view what);

  // An absent member is "", 0, an empty container, or nullptr.
  [[nodiscard]] Result<std::string> text(std::string_view key) const;
  [[nodiscard]] Result<std::uint64_t> number(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::string>> texts(std::string_view key) const;
  [[nodiscard]] Result<std::map<std::string, std::string>> text_map(std::string_view key) const;
  // The names of an object's members, whose values may be of any type.
  [[nodiscard]] Result<std::vector<std::string>> names(std::string_view key) const;
  [[nodiscard]] Result<const boost::json::array*> array(std::string_view key) const;
  [[nodiscard]] Result<const boost::json::object*> object(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;
  // Whether the member exists and is true.
  [[nodiscard]] bool flag(std::string_view key) const;

 private:
  [[nodiscard]] const boost::json::value* find(std::string_view key) const;
  [[nodiscard]] Error wrong(std::string_view key, std::string_view kind) const;

  const boost::json::object& object_;
  std::string_view what_;
};

}  // namespace bothy

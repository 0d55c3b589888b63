#include "base/json_fields.h"

#include <boost/json/parse.hpp>
#include <utility>

namespace bothy {
namespace {

Result<boost::json::value> parse_any(std::string_view text, std::string_view what,
                                     const boost::json::parse_options& options = {}) {
  boost::system::error_code code;
  auto value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), code, {}, options);
  if (code) {
    return make_error(ErrorCode::kBadInput, "{} is not valid JSON", what);
  }
  return value;
}

Result<boost::json::object> object_of(Result<boost::json::value> parsed, std::string_view what) {
  BOTHY_TRY(auto value, std::move(parsed));
  if (!value.is_object()) {
    return make_error(ErrorCode::kBadInput, "{} is not a JSON object", what);
  }
  return std::move(value.get_object());
}

}  // namespace

Result<boost::json::object> parse_object(std::string_view text, std::string_view what) {
  return object_of(parse_any(text, what), what);
}

Result<boost::json::object> parse_own_object(std::string_view text, std::string_view what) {
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  return object_of(parse_any(text, what, options), what);
}

Result<boost::json::array> parse_array(std::string_view text, std::string_view what) {
  BOTHY_TRY(auto value, parse_any(text, what));
  if (!value.is_array()) {
    return make_error(ErrorCode::kBadInput, "{} is not a JSON array", what);
  }
  return std::move(value.get_array());
}

Result<JsonFields> JsonFields::of(const boost::json::value& value, std::string_view what) {
  if (!value.is_object()) {
    return make_error(ErrorCode::kBadInput, "{} is not a JSON object", what);
  }
  return JsonFields(value.get_object(), what);
}

const boost::json::value* JsonFields::find(std::string_view key) const {
  const boost::json::value* value = object_.if_contains({key.data(), key.size()});
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool JsonFields::has(std::string_view key) const {
  return find(key) != nullptr;
}

bool JsonFields::flag(std::string_view key) const {
  const boost::json::value* value = find(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

Error JsonFields::wrong(std::string_view key, std::string_view kind) const {
  return make_error(ErrorCode::kBadInput, "{} has an invalid member '{}': expected {}", what_, key,
                    kind);
}

Result<std::string> JsonFields::text(std::string_view key) const {
  const boost::json::value* value = find(key);
  if (value == nullptr) {
    return std::string();
  }
  if (!value->is_string()) {
    return wrong(key, "a string");
  }
  return std::string(value->get_string());
}

Result<std::uint64_t> JsonFields::number(std::string_view key) const {
  const boost::json::value* value = find(key);
  if (value == nullptr) {
    return 0;
  }
  if (value->is_int64() && value->get_int64() >= 0) {
    return static_cast<std::uint64_t>(value->get_int64());
  }
  if (value->is_uint64()) {
    return value->get_uint64();
  }
  return wrong(key, "a non-negative integer");
}

Result<const boost::json::array*> JsonFields::array(std::string_view key) const {
  const boost::json::value* value = find(key);
  if (value != nullptr && !value->is_array()) {
    return wrong(key, "an array");
  }
  return value == nullptr ? nullptr : &value->get_array();
}

Result<const boost::json::object*> JsonFields::object(std::string_view key) const {
  const boost::json::value* value = find(key);
  if (value != nullptr && !value->is_object()) {
    return wrong(key, "an object");
  }
  return value == nullptr ? nullptr : &value->get_object();
}

Result<std::vector<std::string>> JsonFields::texts(std::string_view key) const {
  BOTHY_TRY(const boost::json::array* elements, array(key));
  std::vector<std::string> texts;
  if (elements != nullptr) {
    for (const auto& element : *elements) {
      if (!element.is_string()) {
        return wrong(key, "an array of strings");
      }
      texts.emplace_back(element.get_string());
    }
  }
  return texts;
}

Result<std::map<std::string, std::string>> JsonFields::text_map(std::string_view key) const {
  BOTHY_TRY(const boost::json::object* members, object(key));
  std::map<std::string, std::string> map;
  if (members != nullptr) {
    for (const auto& [name, value] : *members) {
      if (!value.is_string()) {
        return wrong(key, "an object of strings");
      }
      map.emplace(name, value.get_string());
    }
  }
  return map;
}

Result<std::vector<std::string>> JsonFields::names(std::string_view key) const {
  BOTHY_TRY(const boost::json::object* members, object(key));
  std::vector<std::string> names;
  if (members != nullptr) {
    for (const auto& [name, value] : *members) {
      names.emplace_back(name);
    }
  }
  return names;
}

}  // namespace bothy

#include "cli/json_text.h"

#include <unistd.h>

#include <boost/json/serialize.hpp>

namespace bothy {
namespace {

void append(std::string& text, const boost::json::value& value, std::size_t depth);

void new_line(std::string& text, std::size_t depth) {
  text += '\n';
  text.append(2 * depth, ' ');
}

void append_object(std::string& text, const boost::json::object& object, std::size_t depth) {
  text += '{';
  const char* separator = "";
  for (const auto& [key, member] : object) {
    text += separator;
    separator = ",";
    new_line(text, depth + 1);
    text += boost::json::serialize(boost::json::string(key)) + ": ";
    append(text, member, depth + 1);
  }
  new_line(text, depth);
  text += '}';
}

void append_array(std::string& text, const boost::json::array& array, std::size_t depth) {
  text += '[';
  const char* separator = "";
  for (const auto& element : array) {
    text += separator;
    separator = ",";
    new_line(text, depth + 1);
    append(text, element, depth + 1);
  }
  new_line(text, depth);
  text += ']';
}

void append(std::string& text, const boost::json::value& value, std::size_t depth) {
  if (value.is_object() && !value.get_object().empty()) {
    append_object(text, value.get_object(), depth);
  } else if (value.is_array() && !value.get_array().empty()) {
    append_array(text, value.get_array(), depth);
  } else {
    text += boost::json::serialize(value);
  }
}

}  // namespace

std::string pretty_json(const boost::json::value& value) {
  std::string text;
  append(text, value, 0);
  return text;
}

void write_result(std::string_view text) {
  std::string line(text);
  line += '\n';
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
}

}  // namespace bothy

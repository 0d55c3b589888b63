// Results on stdout.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace bothy {

// Indented by two spaces, members in order, for people.
[[nodiscard]] std::string pretty_json(const boost::json::value& value);

// `text` and a newline, in one write to stdout.
void write_result(std::string_view text);

}  // namespace bothy

#include "cli/json_text.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("JSON for people says the same as JSON for programs") {
  const auto value = boost::json::parse(R"({"a":[1,"x\"y"],"b":{},"c":[],"d":{"e":null,"f":1.5}})");
  const std::string text = pretty_json(value);
  CHECK(boost::json::parse(text) == value);
  CHECK(text.starts_with("{\n  \"a\": [\n    1,\n    \"x\\\"y\"\n  ],\n  \"b\": {},\n"));
}

}  // namespace bothy

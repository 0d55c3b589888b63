#include "base/key_values.h"

#include "tests/support/catch.h"

namespace bothy {
namespace {

KeyValues parsed(std::string_view text) {
  return KeyValues::parse("--disk", text, "path").value();
}

void check_refused(const Error& error, std::string_view words) {
  INFO(error.context);
  CHECK(error.code == ErrorCode::kInvalid);
  CHECK(error.context.starts_with("--disk: "));
  CHECK(error.context.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("The lead, switches, numbers and sizes of a device's flag are taken once each") {
  KeyValues values = parsed("/img/a=b.raw,ro,id=root,queues=4,bps=10M,direct=off");
  CHECK(values.take_value("path").value() == "/img/a=b.raw");
  CHECK(values.take_switch("ro").value());
  CHECK(!values.take_switch("direct").value());
  CHECK(!values.take_switch("absent").value());
  CHECK(values.take("id") == "root");
  CHECK(values.take_number("queues", 1, 8).value() == 4U);
  CHECK(values.take_size("bps").value() == 10U << 20U);
  CHECK(!values.take_size("bps").value());
  CHECK(values.finish().has_value());
}

TEST_CASE("A lead can be given by its key, and a comma by two") {
  KeyValues values = parsed("path=x,,y,id=a,,b");
  CHECK(values.take("path") == "x,y");
  CHECK(values.take("id") == "a,b");
  CHECK(escape_value("x,y") == "x,,y");
  KeyValues lead = parsed("x,,y");
  CHECK(lead.take("path") == "x,y");
}

TEST_CASE("Invalid parts and values are refused with the flag's name") {
  for (const char* text : {"", ",", "a,", "a,,", "a,,,ro", ",ro", "path="}) {
    INFO(text);
    const auto values = KeyValues::parse("--disk", text, "path");
    if (std::string_view(text) == "a,,") {
      CHECK(values.has_value());  // the path "a,"
    } else if (std::string_view(text) == "a,,,ro") {
      CHECK(values.has_value());  // the path "a,", and ro
    } else {
      REQUIRE(values.has_error());
      check_refused(values.error(), "empty value or option");
    }
  }
  check_refused(KeyValues::parse("--disk", "a,ro,ro", "path").error(),
                "ro is given more than once");
  check_refused(parsed("a,ro=perhaps").take_switch("ro").error(),
                "invalid value 'perhaps' for ro: expected on or off");
  check_refused(parsed("a,queues=9").take_number("queues", 1, 8).error(), "from 1 to 8");
  check_refused(parsed("a,queues=2x").take_number("queues", 1, 8).error(), "'2x' for queues");
  check_refused(parsed("a,bps=much").take_size("bps").error(), "bps: invalid size 'much'");
  check_refused(parsed("a,id").take_value("id").error(), "id needs a value");
  check_refused(parsed("a,cache=none").take_choice("cache", {"writeback", "unsafe"}).error(),
                "expected writeback or unsafe");
  check_refused(parsed("a,colour=red,size").finish().error(), "path, colour, size");
}

}  // namespace bothy

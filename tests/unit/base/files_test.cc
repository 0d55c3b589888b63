#include "base/files.h"

#include "tests/support/catch.h"

namespace bothy::image {

TEST_CASE("What is shown of a name commands no terminal") {
  CHECK(printable("plain caf\u00e9 \u20ac \U0001f600") == "plain caf\u00e9 \u20ac \U0001f600");
  CHECK(printable("\x1b[2J\x7f\n") == "\\x1b[2J\\x7f\\x0a");
  // C1: in UTF-8, by itself, and in ways that UTF-8 doesn't have.
  CHECK(printable("a\xc2\x9bz") == "a\\xc2\\x9bz");
  CHECK(printable("\x9b\x9b") == "\\x9b\\x9b");
  CHECK(printable("\xe0\x82\x9b") == "\\xe0\\x82\\x9b");
  CHECK(printable("\xf0\x80\x82\x9b") == "\\xf0\\x80\\x82\\x9b");
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");
  CHECK(printable("\xc2\xa0") == "\xc2\xa0");
}

TEST_CASE("A long name is cut") {
  CHECK(printable(std::string(300, 'x')) == std::string(200, 'x') + "...");
}

}  // namespace bothy::image

#include "base/result.h"

#include <cerrno>

#include "tests/support/catch.h"

namespace bothy {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) {
    return make_error(ErrorCode::kInvalid, "{} is odd", value);
  }
  return value / 2;
}

Result<int> quarter(int value) {
  BOTHY_TRY(const int once, half(value));
  return half(once);
}

}  // namespace

TEST_CASE("BOTHY_TRY unwraps a value or returns the error") {
  CHECK(quarter(12).value() == 3);
  REQUIRE(quarter(6).has_error());
  CHECK(quarter(6).error().context == "3 is odd");
  CHECK(quarter(6).error().code == ErrorCode::kInvalid);
}

TEST_CASE("An errno value gives the error's code and text") {
  const Error error = errno_error("can't open it", ENOENT);
  CHECK(error.code == ErrorCode::kNotFound);
  CHECK(error.context == "can't open it: No such file or directory");
}

}  // namespace bothy

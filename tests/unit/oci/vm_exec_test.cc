#include "oci/vm_exec.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

namespace bothy::oci {

TEST_CASE("A process reaches the owner as it was asked for") {
  run::ProcessSpec process;
  process.arguments = {"sh", "-c", "echo \"$A\""};
  process.environment = {"A=\n", "B="};
  process.directory = "/d";
  process.user = "1:2";
  process.groups = {"3"};
  process.terminal = true;
  process.columns = 132;
  process.rows = 43;
  const std::string text = boost::json::serialize(encode_process(process));
  const run::ProcessSpec same = decode_process(boost::json::parse(text).as_object()).value();
  CHECK(same.arguments == process.arguments);
  CHECK(same.environment == process.environment);
  CHECK(same.directory == "/d");
  CHECK(same.user == "1:2");
  CHECK(same.groups == process.groups);
  CHECK(same.interactive);
  CHECK(same.terminal);
  CHECK(same.columns == 132);
  CHECK(same.rows == 43);
}

TEST_CASE("A process without a command is refused") {
  CHECK(decode_process(encode_process({})).error().code == ErrorCode::kInvalid);
}

}  // namespace bothy::oci

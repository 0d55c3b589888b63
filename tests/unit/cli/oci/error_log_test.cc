#include "cli/oci/error_log.h"

#include <boost/json/parse.hpp>

#include "cli/oci/command.h"
#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("an error of the OCI interface is one object on one line") {
  const std::string record = error_record("no \"such\"\nthing \xff", true);
  CHECK(record.find('\n') == record.size() - 1);
  const boost::json::object object = boost::json::parse(record).as_object();
  CHECK(object.size() == 3);
  CHECK(object.at("level") == "error");
  CHECK(object.at("msg") == "no \"such\"\\x0athing \\xff");
  CHECK(object.at("time").as_string().ends_with("Z"));
}

TEST_CASE("an error of the OCI interface as text") {
  const std::string record = error_record("no \"such\" thing", false);
  CHECK(record.starts_with("time=\"20"));
  CHECK(record.ends_with("level=error msg=\"no \\\"such\\\" thing\"\n"));
}

TEST_CASE("the program's name makes it an OCI runtime") {
  CHECK(is_oci_name("/usr/bin/bothy-oci"));
  CHECK(is_oci_name("bothy-oci"));
  CHECK_FALSE(is_oci_name("/usr/bin/bothy-oci/bothy"));
  CHECK_FALSE(is_oci_name("bothy"));
}

}  // namespace bothy

#include "cli/boot/devices/fs.h"

#include <boost/json/serialize.hpp>

#include "cli/boot/machine_file.h"
#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--fs names a tag, a directory, and whether it is read-only") {
  const auto share = parse_share("my_Data=/srv/a,,b").value();
  CHECK(share.tag == "my_Data");
  CHECK(share.directory.path == "/srv/a,b");
  CHECK(!share.directory.read_only);
  CHECK(parse_share("data=.,ro").value().directory.read_only);
  CHECK(parse_share("tag=/srv").value().tag == "tag");
  CHECK(parse_share("tag=x,directory=/d").value().tag == "x");
}

TEST_CASE("What makes no sense of --fs is said") {
  const auto [text, why] = GENERATE(table<const char*, const char*>({
      {"", "TAG=DIR"},
      {"/srv", "TAG=DIR"},
      {"data=", "TAG=DIR"},
      {"=/srv", "no tag"},
      {"a b=/srv", "no tag"},
      {"directory=/d,tag=", "tag"},
      {"tag=,directory=/d", "value"},
      {"data=/srv,rw", "rw"},
      {"data=/srv,ro=maybe", "neither on nor off"},
      {"a-tag-that-is-longer-than-any-may-be-x=/srv", "no tag"},
  }));
  const auto share = parse_share(text);
  CAPTURE(text);
  REQUIRE(!share.has_value());
  CHECK(share.error().code == ErrorCode::kInvalid);
  CHECK(share.error().context.starts_with("--fs: "));
  CHECK(share.error().context.find(why) != std::string::npos);
}

TEST_CASE("A machine file says the same as a share's description") {
  const auto described = describe(parse_shares({"one=/a,,b", "two=c,ro"}));
  const auto flags =
      machine_file_flags(R"({"fs": )" + boost::json::serialize(described) + "}").value();
  std::vector<std::string> again;
  for (const std::string& flag : flags) {
    again.push_back(flag.substr(std::string_view("--fs=").size()));
  }
  CHECK(describe(parse_shares(again)) == described);
}

}  // namespace bothy

#include "devices/virtio/fs/kind.h"

#include <array>

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

TEST_CASE("Invalid values of --fs are refused with the reason") {
  const auto [text, why] = GENERATE(table<const char*, const char*>({
      {"", "TAG=DIR"},
      {"/srv", "TAG=DIR"},
      {"data=", "TAG=DIR"},
      {"=/srv", "invalid tag"},
      {"a b=/srv", "invalid tag"},
      {"directory=/d,tag=", "tag"},
      {"tag=,directory=/d", "value"},
      {"data=/srv,rw", "rw"},
      {"data=/srv,ro=maybe", "expected on or off"},
      {"a-tag-that-is-longer-than-any-may-be-x=/srv", "invalid tag"},
  }));
  const auto share = parse_share(text);
  CAPTURE(text);
  REQUIRE(!share.has_value());
  CHECK(share.error().code == ErrorCode::kInvalid);
  CHECK(share.error().context.starts_with("--fs: "));
  CHECK(share.error().context.find(why) != std::string::npos);
}

TEST_CASE("A share is described as a machine file has it") {
  CHECK(describe(parse_share("two=c,ro").value()) ==
        boost::json::object{{"tag", "two"}, {"directory", "c"}, {"ro", true}});
}

TEST_CASE("Shares need different tags and memory that virtiofsd can map") {
  const DeviceConfig one = fs_kind().parse("a=/x", 0).value();
  const DeviceConfig same = fs_kind().parse("a=/y", 1).value();
  const DeviceConfig other = fs_kind().parse("b=/y", 1).value();
  const MemoryPlan shared{1U << 30U, MemoryBacking::kShared};
  CHECK(fs_kind().validate(std::array{&one, &other}, shared).has_value());
  CHECK(fs_kind().validate(std::array{&one, &same}, shared).has_error());
  CHECK(fs_kind().validate(std::array{&one}, {1U << 30U, MemoryBacking::kAnonymous}).has_error());
}

}  // namespace bothy

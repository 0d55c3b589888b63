#include "cli/boot/devices/balloon.h"
#include "cli/boot/devices/vsock.h"
#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--vsock is a path and a CID") {
  const auto config = parse_vsock("/run/v,cid=42");
  REQUIRE(config);
  CHECK(config.value().path == "/run/v");
  CHECK(config.value().cid == 42);
  CHECK(parse_vsock("v").value().cid == 3);
  CHECK(describe(config.value()) == boost::json::object{{"path", "/run/v"}, {"cid", 42}});
}

TEST_CASE("--vsock without a path, with a CID that can't be, or with more is refused") {
  const auto text = GENERATE(as<std::string>(), "", "cid=3", "v,cid=2", "v,cid=4294967295",
                             "v,cid=three", "v,cid", "v,colour=red");
  const auto config = parse_vsock(text);
  REQUIRE(!config);
  CHECK(config.error().code == ErrorCode::kInvalid);
  CHECK(config.error().context.starts_with("--vsock: "));
}

TEST_CASE("--balloon is a size and what it may do") {
  const auto config = parse_balloon("size=64M,deflate-on-oom,free-page-reporting,stats=5");
  REQUIRE(config);
  CHECK(config.value().size == 64U << 20U);
  CHECK(config.value().deflate_on_oom);
  CHECK(config.value().free_page_reporting);
  CHECK(config.value().stats_seconds == 5);
  const auto json = describe(config.value());
  CHECK(json == boost::json::object{{"size", 64U << 20U},
                                    {"deflate-on-oom", true},
                                    {"free-page-reporting", true},
                                    {"stats", 5}});
  CHECK(!describe(parse_balloon("size=0").value()).contains("stats"));
}

TEST_CASE("--balloon with a size that is none, or with more, is refused") {
  const auto text = GENERATE(as<std::string>(), "size=much", "size=1000", "stats=0", "stats=soon",
                             "deflate-on-oom=maybe", "colour=red");
  const auto config = parse_balloon(text);
  REQUIRE(!config);
  CHECK(config.error().code == ErrorCode::kInvalid);
  CHECK(config.error().context.starts_with("--balloon: "));
}

TEST_CASE("A balloon's status has the guest's statistics by name") {
  virtio::BalloonStatus status;
  status.target = 4096;
  CHECK(!describe(status).contains("guest"));
  status.statistics.emplace().values[4] = 77;
  CHECK(describe(status).at("guest") == boost::json::object{{"free-memory", 77}});
}

}  // namespace bothy

#include "devices/virtio/balloon/kind.h"

#include <array>

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--balloon sets every option of a balloon") {
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

TEST_CASE("Invalid values of --balloon are refused") {
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

TEST_CASE("A balloon must fit the guest's memory, in pages that can be returned") {
  const DeviceConfig balloon = balloon_kind().parse("size=1G", 0).value();
  constexpr std::uint64_t kGiB = 1ULL << 30U;
  CHECK(balloon_kind().validate(std::array{&balloon}, {kGiB}).has_value());
  CHECK(balloon_kind().validate(std::array{&balloon}, {kGiB - 4096}).has_error());
  CHECK(balloon_kind()
            .validate(std::array{&balloon}, {kGiB, MemoryBacking::kSharedHuge})
            .has_error());
  CHECK(balloon_kind().validate({}, {kGiB, MemoryBacking::kSharedHuge}).has_value());
}

TEST_CASE("`balloon` of a machine without a balloon is refused with the remedy") {
  ControlCommands commands;
  balloon_kind().add_commands({}, commands);
  const auto answer = commands.at("balloon").run({});
  REQUIRE(answer.has_error());
  CHECK(answer.error().code == ErrorCode::kNotFound);
  CHECK(answer.error().context.find("--balloon") != std::string::npos);
}

}  // namespace bothy

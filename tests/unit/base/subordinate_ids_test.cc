#include "base/subordinate_ids.h"

#include "tests/support/catch.h"

using bothy::IdMappings;
using bothy::IdRange;
using bothy::parse_subordinate_ids;
using bothy::UserIdRanges;

using Ranges = std::vector<IdRange>;

TEST_CASE("a user's subordinate ids are all lines of the user's name or number") {
  constexpr std::string_view kText =
      "ann:100000:65536\nbob:200000:10\n1000:300000:5\n\nann:400000:1";
  CHECK(parse_subordinate_ids(kText, "ann", 1000) ==
        Ranges{{100000, 65536}, {300000, 5}, {400000, 1}});
  CHECK(parse_subordinate_ids(kText, "bob", 1001) == Ranges{{200000, 10}});
  CHECK(parse_subordinate_ids(kText, "eve", 7).empty());
}

TEST_CASE("all users' subordinate ids are those of any name") {
  CHECK(parse_subordinate_ids("ann:1:2\nbob:3:4\n", {}, 0) == Ranges{{1, 2}, {3, 4}});
  // All of the ids there are, twice.
  CHECK(parse_subordinate_ids("a:1:4294967290\nb:1:4294967290\n", {}, 0).size() == 2);
}

TEST_CASE("damaged lines of subordinate ids are ignored") {
  for (const std::string_view line :
       {"ann", "ann:1", "ann:1:", "ann::1", "ann:1:2:3", "ann:-1:2", "ann:1:x", "ann:1:0",
        "ann: 1:2", "ann:1:2 ", "ann:4294967295:1", "ann:4294967294:1", "ann:1:4294967295",
        "ann:99999999999:1", "# ann:1:2"}) {
    CAPTURE(line);
    CHECK(parse_subordinate_ids(line, "ann", 1000).empty());
  }
}

TEST_CASE("subordinate ids are no more than a namespace can have") {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += fmt::format("ann:{}:1\n", 100000 + i);
  }
  CHECK(parse_subordinate_ids(text, "ann", 1000).size() == 339);
  CHECK(parse_subordinate_ids("ann:1:4294967000\nann:1:4294967000\n", "ann", 1000).size() == 1);
}

TEST_CASE("root of a user's namespace is the user, and subordinate ids follow") {
  UserIdRanges user{1000, 1001, {{100000, 65536}, {300000, 5}}, {{500000, 10}}};
  CHECK(user.root_mappings() == IdMappings{{{0, 1000, 1}, {1, 100000, 65536}, {65537, 300000, 5}},
                                           {{0, 1001, 1}, {1, 500000, 10}}});
  user.users.clear();
  user.groups.clear();
  CHECK(user.root_mappings() == IdMappings{{{0, 1000, 1}}, {{0, 1001, 1}}});
}

TEST_CASE("a user's own ids can stay the same, with subordinate ids around them") {
  const auto users = [](std::uint32_t own, Ranges ranges) {
    return UserIdRanges{own, own, std::move(ranges), {}}.same_id_mappings().users;
  };
  using Mappings = std::vector<bothy::IdMapping>;
  CHECK(users(1000, {{100000, 65536}}) ==
        Mappings{{1000, 1000, 1}, {0, 100000, 1000}, {1001, 101000, 64536}});
  CHECK(users(1000, {}) == Mappings{{1000, 1000, 1}});
  // Fewer subordinate ids than are below the user's, exactly as many, and in several ranges.
  CHECK(users(1000, {{100000, 10}}) == Mappings{{1000, 1000, 1}, {0, 100000, 10}});
  CHECK(users(10, {{100000, 10}}) == Mappings{{10, 10, 1}, {0, 100000, 10}});
  CHECK(users(10, {{100000, 10}, {200000, 5}}) ==
        Mappings{{10, 10, 1}, {0, 100000, 10}, {11, 200000, 5}});
  CHECK(users(10, {{100000, 4}, {200000, 20}}) ==
        Mappings{{10, 10, 1}, {0, 100000, 4}, {4, 200000, 6}, {11, 200006, 14}});
  CHECK(users(0, {{100000, 4}}) == Mappings{{0, 0, 1}, {1, 100000, 4}});
}

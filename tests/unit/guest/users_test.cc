#include "guest/init/users.h"

#include <vector>

#include "tests/support/catch.h"

using namespace bothy::init;

namespace {

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n"
    "broken:x:none:1::/:\n"
    "www:x:33:34:web:/srv/www:/bin/false\n"
    "1000:x:7:8:a name that is a number:/seven:/bin/sh\n"
    "last:x:4294967294:9::/last:/bin/sh";
constexpr const char* kGroup =
    "root:x:0:\n"
    "web:x:34:\n"
    "log:x:40:www,other\n"
    "tape:x:41:other,www\n"
    "none:x:42:wwww\n"
    "last:x:43:www";

struct Who {
  const char* wrong;
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
  std::string home;
};

Who who(const char* user) {
  Identity identity;
  const char* wrong = find_identity(user, kPasswd, kGroup, identity);
  return {wrong, identity.uid, identity.gid,
          std::vector<gid_t>(identity.groups, identity.groups + identity.group_count),
          std::string(identity.home.data, identity.home.size)};
}

}  // namespace

TEST_CASE("users and groups are those of the image's files") {
  CHECK(who("").uid == 0);
  CHECK(who("").home == "/root");
  const Who www = who("www");
  CHECK(www.wrong == nullptr);
  CHECK(www.uid == 33);
  CHECK(www.gid == 34);
  CHECK(www.groups == std::vector<gid_t>{34, 40, 41, 43});
  CHECK(www.home == "/srv/www");
  CHECK(who("33").gid == 34);
  CHECK(who("33").groups.size() == 4);
  CHECK(who("last").uid == 4294967294U);
}

TEST_CASE("a group that is named replaces the user's own") {
  CHECK(who("www:log").gid == 40);
  CHECK(who("www:log").groups == std::vector<gid_t>{40});
  CHECK(who("www:77").gid == 77);
  CHECK(who("5:6").uid == 5);
  CHECK(who("5:6").gid == 6);
  CHECK(who("5:6").home == "/");
}

TEST_CASE("numbers need not be in the files, and names must") {
  CHECK(who("1000").uid == 1000);  // the number, not the user with that name
  CHECK(who("1000").gid == 0);
  for (const char* bad : {"nobody", "www:nogroup", "broken", "4294967295",
                          "99999999999999999999999", "-1", " root", "#"}) {
    CAPTURE(bad);
    CHECK(who(bad).wrong != nullptr);
  }
}

TEST_CASE("additional groups are added once each, up to a limit") {
  Identity identity;
  CHECK(add_group("log", kGroup, identity) == nullptr);
  CHECK(add_group("40", kGroup, identity) == nullptr);
  CHECK(identity.group_count == 1);
  CHECK(add_group("nogroup", kGroup, identity) != nullptr);
  for (unsigned gid = 100; identity.group_count < Identity::kMaxGroups; ++gid)
    REQUIRE(add_group(std::to_string(gid).c_str(), kGroup, identity) == nullptr);
  CHECK(add_group("99", kGroup, identity) != nullptr);
}

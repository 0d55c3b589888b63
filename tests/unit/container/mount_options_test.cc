#include "container/mount_options.h"

#include <sys/mount.h>

#include <string>

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

MountOptions parsed(const std::vector<std::string>& options) {
  auto result = parse_mount_options(options);
  INFO((result ? std::string() : result.error().context));
  REQUIRE(result.has_value());
  return std::move(result).value();
}

std::string error_of(const std::vector<std::string>& options) {
  const auto result = parse_mount_options(options);
  REQUIRE(!result.has_value());
  CHECK(result.error().code == ErrorCode::kInvalid);
  return result.error().context;
}

}  // namespace

TEST_CASE("Each attribute of a mount is set, cleared, and either recursively") {
  struct Attribute {
    std::string set;
    std::string clear;
    std::uint64_t flag;
  };
  const std::vector<Attribute> attributes{
      {"ro", "rw", MOUNT_ATTR_RDONLY},
      {"nosuid", "suid", MOUNT_ATTR_NOSUID},
      {"nodev", "dev", MOUNT_ATTR_NODEV},
      {"noexec", "exec", MOUNT_ATTR_NOEXEC},
      {"nodiratime", "diratime", MOUNT_ATTR_NODIRATIME},
      {"nosymfollow", "symfollow", MOUNT_ATTR_NOSYMFOLLOW},
  };
  for (const auto& [set, clear, flag] : attributes) {
    INFO(set);
    CHECK(parsed({set}).set == flag);
    CHECK(parsed({set}).clear == 0);
    CHECK(parsed({clear}).set == 0);
    CHECK(parsed({clear}).clear == flag);
    CHECK(parsed({set}).recursive_set == 0);
    const MountOptions recursive = parsed({"r" + set});
    CHECK(recursive.set == 0);
    CHECK(recursive.recursive_set == flag);
    CHECK(parsed({"r" + clear}).recursive_clear == flag);
    CHECK(parsed({"r" + clear}).clear == 0);
    CHECK(parsed({set, clear}).set == 0);
    CHECK(parsed({set, clear}).clear == flag);
    CHECK(parsed({clear, set}).set == flag);
    CHECK(parsed({clear, set}).clear == 0);
    CHECK(parsed({set}).parameters.empty());
  }
}

TEST_CASE("ro is of the file system as well, rro isn't") {
  CHECK(parsed({"ro"}).read_only_super);
  CHECK_FALSE(parsed({"ro", "rw"}).read_only_super);
  CHECK_FALSE(parsed({"rro"}).read_only_super);
  CHECK(parsed({"rbind", "ro", "nosuid"}).set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID));
}

TEST_CASE("A mount has one kind of access times, the last one given") {
  for (const bool recursive : {false, true}) {
    const auto kind = [recursive](std::vector<std::string> options) {
      for (std::string& option : options) {
        option.insert(0, recursive ? "r" : "");
      }
      const MountOptions result = parsed(options);
      CHECK((recursive ? result.recursive_clear : result.clear) == MOUNT_ATTR__ATIME);
      CHECK((recursive ? result.clear : result.recursive_clear) == 0);
      return recursive ? result.recursive_set : result.set;
    };
    CHECK(kind({"noatime"}) == MOUNT_ATTR_NOATIME);
    CHECK(kind({"strictatime"}) == MOUNT_ATTR_STRICTATIME);
    CHECK(kind({"relatime"}) == MOUNT_ATTR_RELATIME);
    CHECK(kind({"noatime", "strictatime"}) == MOUNT_ATTR_STRICTATIME);
    CHECK(kind({"strictatime", "relatime"}) == MOUNT_ATTR_RELATIME);
    CHECK(kind({"noatime", "atime"}) == MOUNT_ATTR_RELATIME);
    CHECK(kind({"strictatime", "atime"}) == MOUNT_ATTR_STRICTATIME);
    CHECK(kind({"strictatime", "nostrictatime"}) == MOUNT_ATTR_RELATIME);
    CHECK(kind({"noatime", "norelatime"}) == MOUNT_ATTR_NOATIME);
    CHECK(kind({"atime"}) == MOUNT_ATTR_RELATIME);
  }
}

TEST_CASE("Propagation is kept in order, of the mount or of its tree") {
  CHECK(parsed({"private", "rslave"}).propagation ==
        std::vector<unsigned long>{MS_PRIVATE, MS_SLAVE | MS_REC});
  CHECK(parsed({"shared", "slave", "unbindable"}).propagation ==
        std::vector<unsigned long>{MS_SHARED, MS_SLAVE, MS_UNBINDABLE});
  CHECK(
      parsed({"rshared", "rprivate", "runbindable"}).propagation ==
      std::vector<unsigned long>{MS_SHARED | MS_REC, MS_PRIVATE | MS_REC, MS_UNBINDABLE | MS_REC});
}

TEST_CASE("Words for what bothy does with a mount") {
  CHECK(parsed({"bind"}).bind);
  CHECK(parsed({"bind"}).is_bind());
  CHECK_FALSE(parsed({"bind"}).recursive_bind);
  CHECK(parsed({"rbind"}).recursive_bind);
  CHECK(parsed({"rbind"}).is_bind());
  CHECK_FALSE(parsed({"ro"}).is_bind());
  CHECK(parsed({"remount"}).remount);
  CHECK(parsed({"bind", "idmap"}).idmap);
  CHECK(parsed({"rbind", "ridmap"}).recursive_idmap);
  CHECK(parsed({"tmpcopyup"}).copy_up);
  CHECK(parsed({"bind", "remount", "idmap", "tmpcopyup"}).parameters.empty());
}

TEST_CASE("Other words are parameters of the file system") {
  CHECK(parsed({"size=64m", "mode=1777", "sync", "noswap", "lowerdir=/a:/b", "data="}).parameters ==
        Parameters{{"size", "64m"},
                   {"mode", "1777"},
                   {"sync", ""},
                   {"noswap", ""},
                   {"lowerdir", "/a:/b"},
                   {"data", ""}});
  CHECK(parsed({"r", "rx", "rsync"}).parameters.size() == 3);
  CHECK(parsed({"a=b=c"}).parameters == Parameters{{"a", "b=c"}});
}

TEST_CASE("Words without an effect are accepted") {
  const MountOptions options = parsed({"defaults", "silent", "loud", "iversion", "noiversion"});
  CHECK(options.parameters.empty());
  CHECK(options.set == 0);
  CHECK(options.clear == 0);
}

TEST_CASE("An option may be several words") {
  const MountOptions options = parsed({"nosuid,nodev,size=1k", "ro"});
  CHECK(options.set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY));
  CHECK(options.parameters == Parameters{{"size", "1k"}});
  CHECK(parsed({R"(context="u:r:t:s0:c1,c2",ro)"}).parameters ==
        Parameters{{"context", "u:r:t:s0:c1,c2"}});
}

TEST_CASE("Flags of a file system mean nothing to a bind mount, but are no error") {
  CHECK(parsed({"rbind", "sync", "lazytime"}).is_bind());
}

TEST_CASE("Options that can't be are errors") {
  using std::string_literals::operator""s;
  CHECK(error_of({""}) == "an empty mount option");
  CHECK(error_of({"ro,,rw"}) == "an empty mount option");
  CHECK(error_of({"ro,"}) == "an empty mount option");
  CHECK(error_of({"=a"}) == "invalid mount option '=a'");
  CHECK(error_of({"a\0b"s}) == "a NUL in mount option 'a\\x00b'");
  CHECK(error_of({R"(context="a,b)"}) ==
        R"(a quote without its end in mount option 'context="a,b')");
  CHECK(error_of({"idmap", "ridmap"}) == "mount options 'idmap' and 'ridmap' contradict");
  CHECK(
      error_of({"idmap=uids=0-1-2"}) ==
      "invalid mount option 'idmap=uids=0-1-2': expected uidMappings and gidMappings of the mount");
  CHECK(error_of({"bind", "nosiud"}) == "'nosiud' isn't an option of a bind mount");
  CHECK(error_of({"sync", "size=1", "rbind"}) == "'size' isn't an option of a bind mount");
}

}  // namespace bothy::container

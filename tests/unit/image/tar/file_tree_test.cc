#include "image/tar/file_tree.h"

#include "tests/support/catch.h"

using namespace bothy::image;

namespace {

Inode regular(std::uint64_t size) {
  Inode inode;
  inode.size = size;
  return inode;
}

Inode symlink(const std::string& target) {
  Inode inode;
  inode.type = FileType::kSymlink;
  inode.target = target;
  return inode;
}

struct Fixture {
  std::uint64_t removed = 0;
  Budget budget;
  FileTree tree{budget, [this](const Inode& inode) { removed += inode.size; }};

  explicit Fixture(const Limits& limits = {}) : budget(limits) { tree.begin_layer(); }
  [[nodiscard]] std::uint64_t steps() const { return budget.spent(Resource::kSteps); }
  void file(const std::string& path, std::uint64_t size) {
    REQUIRE(tree.add_file(path, regular(size)).has_value());
  }
  void link_to(const std::string& path, const std::string& target) {
    REQUIRE(tree.add_file(path, symlink(target)).has_value());
  }
  void directory(const std::string& path) {
    REQUIRE(tree.add_directory(path, Attributes()).has_value());
  }
  bool has(const std::string& path) {
    const auto found = tree.find(path);
    REQUIRE(found.has_value());
    return found.value() != nullptr;
  }
  const Inode& at(const std::string& path) {
    const auto found = tree.find(path);
    REQUIRE(found.has_value());
    REQUIRE(found.value() != nullptr);
    return *found.value();
  }
};

}  // namespace

TEST_CASE("missing parents are made") {
  Fixture f;
  f.file("a/b/c", 1);
  CHECK(f.at("a").type == FileType::kDirectory);
  CHECK(f.at("a/b").attributes.permissions == 0755);
  CHECK(f.at("a/b/c").size == 1);
  CHECK(f.tree.count() == 4);
}

TEST_CASE("a directory over a directory keeps its entries") {
  Fixture f;
  f.file("d/f", 1);
  f.tree.begin_layer();
  Attributes attributes;
  attributes.uid = 7;
  REQUIRE(f.tree.add_directory("d", attributes).has_value());
  CHECK(f.at("d").attributes.uid == 7);
  CHECK(f.has("d/f"));
}

TEST_CASE("replaced files are reported as removed") {
  Fixture f;
  f.file("x", 1);
  f.file("x", 2);
  CHECK(f.at("x").size == 2);
  CHECK(f.removed == 1);
  f.directory("x");
  CHECK(f.removed == 3);
  f.file("x/y/z", 4);
  f.file("x", 8);
  CHECK(f.removed == 7);
  CHECK(f.at("x").type == FileType::kRegular);
  CHECK(f.tree.count() == 2);
}

TEST_CASE("hard links share an inode") {
  Fixture f;
  f.file("a", 1);
  REQUIRE(f.tree.add_link("d/b", "a").has_value());
  CHECK(&f.at("a") == &f.at("d/b"));
  CHECK(f.at("a").links == 2);
  SECTION("until the last name goes") {
    f.tree.begin_layer();
    REQUIRE(f.tree.whiteout("a").has_value());
    CHECK(f.removed == 0);
    CHECK(f.at("d/b").links == 1);
    REQUIRE(f.tree.whiteout("d").has_value());
    CHECK(f.removed == 1);
  }
  SECTION("also from a layer above") {
    f.tree.begin_layer();
    REQUIRE(f.tree.add_link("c", "d/b").has_value());
    CHECK(f.at("a").links == 3);
  }
  SECTION("to itself changes nothing") {
    REQUIRE(f.tree.add_link("a", "a").has_value());
    CHECK(f.at("a").links == 2);
    CHECK(f.removed == 0);
  }
  SECTION("never to a directory, to nothing, or out of the tree") {
    for (const char* target : {"d", "nothing", "d/nothing/x", "../a", "/a", "", "."}) {
      CAPTURE(target);
      CHECK_FALSE(f.tree.add_link("e", target).has_value());
    }
    CHECK(f.at("a").links == 2);
  }
  SECTION("whose way leads over its own target") {
    f.tree.begin_layer();
    REQUIRE(f.tree.add_link("a/x", "a").has_value());
    CHECK(f.at("a").type == FileType::kDirectory);
    CHECK(f.at("a/x").links == 2);
  }
}

TEST_CASE("a whiteout removes entries of lower layers only") {
  Fixture f;
  f.file("gone", 1);
  f.file("d/low", 2);
  f.file("d/sub/low", 4);
  f.tree.begin_layer();
  f.file("new", 8);
  f.file("d/new", 16);
  REQUIRE(f.tree.whiteout("gone").has_value());
  REQUIRE(f.tree.whiteout("new").has_value());
  REQUIRE(f.tree.whiteout("missing").has_value());
  REQUIRE(f.tree.whiteout("missing/too").has_value());
  REQUIRE(f.tree.whiteout("d").has_value());
  CHECK_FALSE(f.has("gone"));
  CHECK(f.has("new"));
  CHECK(f.has("d/new"));
  CHECK_FALSE(f.has("d/low"));
  CHECK_FALSE(f.has("d/sub"));
  CHECK_FALSE(f.has("missing"));
  CHECK(f.removed == 7);
}

TEST_CASE("a name removed by a whiteout can be added again in the same layer") {
  Fixture f;
  f.file("d/low", 1);
  f.tree.begin_layer();
  REQUIRE(f.tree.whiteout("d").has_value());
  f.directory("d");
  f.file("d/new", 2);
  CHECK_FALSE(f.has("d/low"));
  CHECK(f.has("d/new"));
}

TEST_CASE("an opaque directory hides lower layers, wherever its marker comes") {
  Fixture f;
  f.file("d/low", 1);
  f.file("d/both", 2);
  f.file("d/sub/low", 4);
  f.directory("d/empty");
  f.tree.begin_layer();
  const bool first = GENERATE(true, false);
  if (first) {
    f.directory("d");
    REQUIRE(f.tree.make_opaque("d").has_value());
  }
  f.file("d/both", 8);
  f.file("d/sub/new", 16);
  if (!first) {
    REQUIRE(f.tree.make_opaque("d").has_value());
  }
  CHECK_FALSE(f.has("d/low"));
  CHECK_FALSE(f.has("d/sub/low"));
  CHECK_FALSE(f.has("d/empty"));
  CHECK(f.at("d/both").size == 8);
  CHECK(f.has("d/sub/new"));
  CHECK(f.removed == 7);
}

TEST_CASE("the root can be opaque too") {
  Fixture f;
  f.file("low", 1);
  f.tree.begin_layer();
  f.file("new", 2);
  REQUIRE(f.tree.make_opaque(".").has_value());
  CHECK_FALSE(f.has("low"));
  CHECK(f.has("new"));
}

TEST_CASE("paths through symlinks stay in the tree") {
  Fixture f;
  f.directory("usr/bin");
  f.link_to("bin", "usr/bin");
  f.link_to("abs", "/usr");
  f.link_to("out", "../../../../usr");
  f.link_to("loop", "loop2");
  f.link_to("loop2", "loop");
  f.link_to("dangling", "new/place");
  f.tree.begin_layer();
  f.file("bin/a", 1);
  f.file("abs/b", 2);
  f.file("out/c", 4);
  f.file("dangling/d", 8);
  CHECK(f.at("bin").type == FileType::kSymlink);
  CHECK(f.at("usr/bin/a").size == 1);
  CHECK(f.at("usr/b").size == 2);
  CHECK(f.at("usr/c").size == 4);
  CHECK(f.at("new/place/d").size == 8);
  CHECK_FALSE(f.tree.add_file("loop/x", regular(1)).has_value());
  // The last part of a path is what it is.
  f.file("bin", 16);
  CHECK(f.at("bin").type == FileType::kRegular);
  CHECK(f.has("usr/bin/a"));
}

TEST_CASE(
    "a path through a file of the same layer is refused, and one of a lower layer replaces the "
    "file") {
  Fixture f;
  f.file("f", 1);
  CHECK_FALSE(f.tree.add_file("f/x", regular(1)).has_value());
  f.tree.begin_layer();
  f.file("f/x", 2);
  CHECK(f.removed == 1);
}

TEST_CASE("paths out of the tree and invalid paths are refused") {
  Fixture f;
  const std::string long_name(256, 'n');
  for (const std::string& path :
       {std::string("../x"), std::string("a/../../x"), std::string("a/.."), std::string(".."),
        std::string("/etc/passwd"), long_name, "a/" + long_name, long_name + "/a"}) {
    CAPTURE(path);
    CHECK_FALSE(f.tree.add_file(path, regular(1)).has_value());
    CHECK_FALSE(f.tree.add_directory(path, Attributes()).has_value());
    CHECK_FALSE(f.tree.whiteout(path).has_value());
    CHECK_FALSE(f.tree.make_opaque(path).has_value());
  }
  CHECK_FALSE(f.tree.add_file(".", regular(1)).has_value());
  CHECK_FALSE(f.tree.whiteout(".").has_value());
  CHECK(f.tree.count() == 1);
  for (const char* path : {"a//b", "./a/./b", "a/b/"}) {
    f.directory(path);
  }
  CHECK(f.tree.count() == 3);
}

TEST_CASE("the depth of directories is limited, also through symlinks") {
  Fixture f;
  std::string path = "d";
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    std::string deep = path;
    for (int j = 0; j < 100; ++j) {
      deep += "/d";
    }
    refused = !f.tree.add_directory(deep, Attributes()).has_value();
    if (!refused) {
      REQUIRE(f.tree.add_file("l" + std::to_string(i), symlink(deep)).has_value());
      path = "l" + std::to_string(i);
    }
  }
  CHECK(refused);
  CHECK(f.tree.count() < 1200);
}

TEST_CASE("an opaque directory named again and again is visited once a layer") {
  Fixture f;
  for (int i = 0; i < 100; ++i) {
    f.file("low/" + std::to_string(i), 1);
  }
  f.tree.begin_layer();
  for (int i = 0; i < 100; ++i) {
    f.file("d/sub/" + std::to_string(i), 1);
  }
  const std::uint64_t before = f.steps();
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(f.tree.make_opaque("d").has_value());
    REQUIRE(f.tree.make_opaque("low").has_value());
    REQUIRE(f.tree.whiteout("d").has_value());
    REQUIRE(f.tree.make_opaque(".").has_value());
  }
  // The ways along three paths of one name or none, and each entry of a directory once.
  CHECK(f.steps() - before < 3 * 1000 + 300);
  CHECK(f.has("d/sub/99"));
  CHECK_FALSE(f.has("low"));
  SECTION("also when files are added in between") {
    const std::uint64_t start = f.steps();
    for (int i = 0; i < 1000; ++i) {
      f.file("d/sub/new" + std::to_string(i), 1);
      REQUIRE(f.tree.make_opaque("d").has_value());
    }
    CHECK(f.steps() - start < 4 * 1000);
    CHECK(f.has("d/sub/new999"));
  }
  SECTION("the next layer removes what this one added") {
    f.tree.begin_layer();
    f.file("d/sub/kept", 1);
    REQUIRE(f.tree.make_opaque("d").has_value());
    CHECK(f.has("d/sub/kept"));
    CHECK_FALSE(f.has("d/sub/99"));
  }
}

TEST_CASE("directories that no entry names count as inodes") {
  Limits limits;
  limits.inodes = 10;
  Fixture f(limits);
  CHECK(f.tree.add_directory("1/2/3/4/5/6/7/8/9", Attributes()).has_value());
  const auto refused = f.tree.add_directory("a/b", Attributes());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().context.find("limit of 10 inodes (raise it with --max-inodes") !=
        std::string::npos);
  CHECK(f.budget.spent(Resource::kInodes) == 10);
}

TEST_CASE("names, targets and attributes count as metadata") {
  Fixture f;
  const auto spent = [&] { return f.budget.spent(Resource::kMetadata); };
  f.directory("abc/de");
  CHECK(spent() == 5);
  f.link_to("abc/l", "target");
  CHECK(spent() == 12);
  f.file("f", 1);
  REQUIRE(f.tree.add_link("abc/hard", "f").has_value());
  CHECK(spent() == 17);
  Inode file;
  file.attributes.xattrs = {{"user.x", "value"}};
  REQUIRE(f.tree.add_file("x", std::move(file)).has_value());
  CHECK(spent() == 29);
  Attributes attributes;
  attributes.xattrs = {{"user.y", std::string(100, 'y')}};
  for (int i = 1; i <= 10; ++i) {
    REQUIRE(f.tree.add_directory("abc", attributes).has_value());
    CHECK(spent() == 29 + 106 * static_cast<std::uint64_t>(i));
  }
}

TEST_CASE("names of a symlink's target count as steps, even those not reached") {
  Limits limits;
  limits.lookup_steps = 5000;
  Fixture f(limits);
  std::string target;
  for (int i = 0; i < 1000; ++i) {
    target += "a/";
  }
  f.link_to("l", target);
  const auto add = [&] { return f.tree.whiteout("l/x"); };
  for (int i = 0; i < 4; ++i) {
    CHECK(add().has_value());
  }
  const auto refused = add();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().context.find("limit of 5000 path look-up steps") != std::string::npos);
}

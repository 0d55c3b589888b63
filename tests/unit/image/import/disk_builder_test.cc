#include "image/import/disk_builder.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/image/image_fixture.h"

using namespace bothy::image;
using namespace bothy::test;

TEST_CASE("a disk is built once") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {small_layer()});
  layout.finish();
  const Image image = f.import_one(layout.root());
  std::string path;
  {
    const auto disk = ensure_disk(f.store, image, {}, {});
    REQUIRE(disk.has_value());
    CHECK(disk.value().built);
    path = disk.value().path;
  }
  struct stat first {};
  ::stat(path.c_str(), &first);
  CHECK((first.st_mode & 0777U) == 0444);
  const auto again = ensure_disk(f.store, image, {}, {});
  REQUIRE(again.has_value());
  CHECK_FALSE(again.value().built);
  CHECK(again.value().path == path);
}

TEST_CASE("a disk is built by one process, while others wait") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {TarBuilder().file("f", std::string(3'000'000, 'f')).done()});
  layout.finish();
  const Image image = f.import_one(layout.root());
  constexpr int kBuilt = 10;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) {
      const auto disk = ensure_disk(f.store, image, {}, {});
      ::_exit(!disk ? 1 : disk.value().built ? kBuilt : 0);
    }
  }
  int built = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kBuilt));
    built += WEXITSTATUS(status) == kBuilt ? 1 : 0;
  }
  CHECK(built == 1);
}

TEST_CASE("the same image gives the same disk in every store") {
  StoreFixture f;
  StoreFixture g;
  LayoutBuilder layout(f.directory / "layout");
  const std::string plain = TarBuilder().file("f", "x").done();
  layout.add("x", {plain, small_layer()},
             {TarBuilder(archive_write_add_filter_zstd).file("f", "x").done(), small_layer()});
  layout.finish();
  const auto one = ensure_disk(f.store, f.import_one(layout.root()), {}, {});
  const auto two = ensure_disk(g.store, g.import_one(layout.root()), {}, {});
  REQUIRE((one.has_value() && two.has_value()));
  CHECK(content_of(one.value().path) == content_of(two.value().path));
}

TEST_CASE("an error in a layer leaves no files") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  Limits limits;
  std::string words;
  SECTION("of another content than the config says") {
    layout.add("x", {small_layer("said")}, {small_layer("held")});
    words = "unpacks to";
  }
  SECTION("hostile") {
    layout.add("x", {raw_entry({.name = "../x"}) + raw_end()});
    words = "out of the image";
  }
  SECTION("too large") {
    layout.add("x", {TarBuilder().file("f", std::string(100'000, 'f')).done()});
    limits.set_size(50'000);
    words = "--max-size";
  }
  SECTION("too large only together with the layers below") {
    layout.add("x", {TarBuilder().file("a", std::string(30'000, 'f')).done(),
                     TarBuilder().file("b", std::string(30'000, 'f')).done()});
    limits.content_bytes = 50'000;
    words = ": entry 'b': the image exceeds the limit of 50000 bytes of files";
  }
  SECTION("no tar") {
    layout.add("x", {std::string(3000, 'x')});
    words = "checksum";
  }
  layout.finish();
  const Image image = f.import_one(layout.root());
  const auto disk = ensure_disk(f.store, image, limits, {});
  REQUIRE_FALSE(disk.has_value());
  CHECK(disk.error().code == bothy::ErrorCode::kBadInput);
  CHECK(disk.error().context.find(words) != std::string::npos);
  CHECK(disk.error().context.find("layout:x") != std::string::npos);
  CHECK(disk.error().context.find('\n') == std::string::npos);
  CHECK(files_in(f.store.root() + "/disks") == 0);
  CHECK(files_in(f.tmp()) == 0);
}

TEST_CASE("an image that was removed has no disk") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {small_layer()});
  layout.finish();
  const Image image = f.import_one(layout.root());
  REQUIRE(f.store.remove("layout:x", false).has_value());
  const auto disk = ensure_disk(f.store, image, {}, {});
  REQUIRE_FALSE(disk.has_value());
  CHECK(disk.error().code == bothy::ErrorCode::kNotFound);
}

TEST_CASE("a copy replaces an existing file, or leaves it on an error") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {small_layer()});
  layout.finish();
  const auto disk = ensure_disk(f.store, f.import_one(layout.root()), {}, {});
  REQUIRE(disk.has_value());
  f.directory.write("out/disk", "old");
  REQUIRE(copy_disk(disk.value(), f.directory / "out/disk").has_value());
  CHECK(content_of(f.directory / "out/disk") == content_of(disk.value().path));
  CHECK_FALSE(copy_disk(disk.value(), f.directory / "nowhere/disk").has_value());
  CHECK(files_in(f.directory / "out") == 1);
}

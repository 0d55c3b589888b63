#include "image/import/import_path.h"

#include "tests/unit/image/image_fixture.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

struct Fixture : StoreFixture {
  int reads = 0;  // of content

  Image import_path_of(const std::string& path) {
    ImportOptions options;
    options.progress = [&](std::string_view, std::uint64_t, std::uint64_t) { ++reads; };
    const auto image = bothy::image::import_path(store, path, options);
    if (!image) {
      FAIL(image.error().context);
    }
    return image.value();
  }
  [[nodiscard]] std::size_t images() const { return store.list().value().size(); }
};

}  // namespace

TEST_CASE("a path is imported once, while its content is unchanged") {
  Fixture f;
  const bool directory = GENERATE(false, true);
  std::string path = f.directory.write("rootfs/etc/passwd", "root");
  path = directory ? f.directory / "rootfs" : f.directory.write("rootfs.tar", small_layer());
  const Image first = f.import_path_of(path);
  CHECK(first.names.empty());
  CHECK(f.reads > 0);
  f.reads = 0;
  CHECK(f.import_path_of(path).manifest.digest == first.manifest.digest);
  CHECK(f.reads == 0);
  CHECK(f.images() == 1);
  SECTION("changed content is imported anew, in place of the old") {
    f.directory.write(directory ? "rootfs/etc/passwd" : "rootfs.tar",
                      directory ? "toor" : small_layer("other"));
    CHECK(f.import_path_of(path).manifest.digest != first.manifest.digest);
    CHECK(f.images() == 1);
    CHECK(files_in(f.store.root() + "/sources") == 1);
  }
  SECTION("an image in use stays when the path's content changes") {
    const auto use = f.store.use(first.manifest.digest);
    f.directory.write(directory ? "rootfs/etc/passwd" : "rootfs.tar",
                      directory ? "toor" : small_layer("other"));
    f.import_path_of(path);
    CHECK(f.images() == 2);
  }
  SECTION("a removed image is imported anew") {
    REQUIRE(f.store.remove(first.manifest.digest.text(), false).has_value());
    CHECK(files_in(f.store.root() + "/sources") == 0);
    CHECK(f.import_path_of(path).manifest.digest == first.manifest.digest);
    CHECK(f.images() == 1);
  }
  SECTION("pruning removes the image and its record") {
    REQUIRE(f.store.prune().has_value());
    CHECK(f.images() == 0);
    CHECK(files_in(f.store.root() + "/sources") == 0);
  }
  SECTION("a damaged record is ignored") {
    for (const auto& entry : std::filesystem::directory_iterator(f.store.root() + "/sources")) {
      std::ofstream(entry.path()) << "nonsense";
    }
    CHECK(f.import_path_of(path).manifest.digest == first.manifest.digest);
  }
}

TEST_CASE("names inside an imported path are not taken over") {
  Fixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("example.org/x:1", {small_layer()});
  layout.finish();
  CHECK(f.import_path_of(layout.root()).names.empty());
  CHECK_FALSE(f.store.find("example.org/x:1").has_value());
}

TEST_CASE("an imported path holds one image and exists") {
  Fixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("a", {small_layer("a")});
  layout.add("b", {small_layer("b")});
  layout.finish();
  const auto several = import_path(f.store, layout.root(), {});
  REQUIRE_FALSE(several.has_value());
  CHECK(several.error().context.find("holds 2 images") != std::string::npos);
  const auto missing = import_path(f.store, f.directory / "missing", {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == bothy::ErrorCode::kNotFound);
}

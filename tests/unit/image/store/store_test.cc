#include "image/store/store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/image/image_fixture.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

// In another process; its exit status.
int in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

struct TwoImages : StoreFixture {
  std::string layout_path = directory / "layout";
  LayoutBuilder layout{layout_path};
  std::string shared = TarBuilder().file("base", "shared by both").done();
  Descriptor a = layout.add("example.org/a:1", {shared, small_layer("a")});
  Descriptor b = layout.add("example.org/b:1", {shared, small_layer("b")});

  TwoImages() {
    layout.finish();
    const auto images = import(layout_path);
    REQUIRE(images.has_value());
  }
};

}  // namespace

TEST_CASE_METHOD(TwoImages, "layers are kept once") {
  CHECK(files_in(blobs()) == 7);  // 2 manifests, 2 configs, 2 layers and a shared one
}

TEST_CASE_METHOD(TwoImages, "images are found by name and by digest") {
  CHECK(store.find("example.org/a:1").value().manifest.digest == a.digest);
  CHECK(store.find(a.digest.hex()).value().manifest.digest == a.digest);
  CHECK(store.find(a.digest.text()).value().manifest.digest == a.digest);
  CHECK(store.find(b.digest.brief()).value().manifest.digest == b.digest);
  CHECK(store.find("example.org/a@" + a.digest.text()).value().manifest.digest == a.digest);
  for (const char* missing : {"a", "example.org/a", "example.org/a:2", "", "abc", "../../x"}) {
    CAPTURE(missing);
    const auto found = store.find(missing);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == bothy::ErrorCode::kNotFound);
  }
}

TEST_CASE("A store's path is absolute, whatever the working directory becomes") {
  CHECK(Store::locate("some/where").value().root() ==
        (std::filesystem::current_path() / "some/where").string());
  CHECK(Store::locate("/some/where").value().root() == "/some/where");
}

TEST_CASE("a missing store has no images") {
  const TemporaryDirectory directory;
  const Store store(directory / "none");
  CHECK(store.list().value().empty());
  CHECK_FALSE(store.find("x").has_value());
  CHECK(store.prune().has_value());
  CHECK_FALSE(std::filesystem::exists(directory / "none"));
}

TEST_CASE_METHOD(TwoImages, "removing an image removes the blobs that no other image shares") {
  REQUIRE(store.remove("example.org/a:1", false).has_value());
  CHECK(files_in(blobs()) == 4);
  CHECK(ensure_disk(store, store.find("example.org/b:1").value(), {}, {}).has_value());
  CHECK(files_in(store.root() + "/disks") == 1);
  const auto removed = store.remove(b.digest.hex(), false);
  REQUIRE(removed.has_value());
  CHECK(removed.value().bytes > 0);
  CHECK(files_in(blobs()) == 0);
  CHECK(files_in(store.root() + "/disks") == 0);
}

TEST_CASE_METHOD(TwoImages, "removing one of two names keeps the image") {
  ImportOptions options;
  options.only = "example.org/a:1";
  options.name = "second";
  import_one(layout_path, options);
  REQUIRE(store.find("second").value().names.size() == 2);
  const auto removed = store.remove("example.org/a:1", false);
  CHECK(removed.value().images.empty());
  CHECK(store.find("second").value().manifest.digest == a.digest);
  CHECK(files_in(blobs()) == 7);
}

TEST_CASE_METHOD(TwoImages,
                 "a name can be taken over, and pruning removes the image that lost it") {
  ImportOptions options;
  options.only = "example.org/b:1";
  options.name = "example.org/a:1";
  import_one(layout_path, options);
  CHECK(store.find("example.org/a:1").value().manifest.digest == b.digest);
  CHECK(store.find(a.digest.hex()).value().names.empty());
  const auto removed = store.prune();
  REQUIRE(removed.has_value());
  CHECK(removed.value().images == std::vector<Digest>{a.digest});
  CHECK(files_in(blobs()) == 4);
}

TEST_CASE_METHOD(TwoImages, "an image in use is not removed") {
  const auto image = store.find("example.org/a:1").value();
  {
    const auto disk = ensure_disk(store, image, {}, {});
    REQUIRE(disk.has_value());
    CHECK(in_child([&] {
            const auto removed = store.remove("example.org/a:1", false);
            return !removed && removed.error().code == bothy::ErrorCode::kBusy;
          }) == 0);
    CHECK(store.remove("example.org/b:1", false).has_value());
    CHECK(std::filesystem::exists(disk.value().path));
  }
  CHECK(store.remove("example.org/a:1", false).has_value());
}

TEST_CASE_METHOD(TwoImages, "nothing is swept while another process adds images") {
  {
    const auto addition = store.begin();
    REQUIRE(addition.has_value());
    REQUIRE(store.remove("example.org/a:1", false).has_value());
    CHECK(files_in(blobs()) == 7);
  }
  CHECK(store.prune().has_value());
  CHECK(files_in(blobs()) == 4);
}

TEST_CASE("the next process removes what a killed one left, and nothing else") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {small_layer()});
  layout.finish();
  const int status = in_child([&] {
    auto addition = f.store.begin();
    if (!addition || !addition.value().stage.keep("half an image", "").has_value()) {
      return false;
    }
    ::raise(SIGKILL);
    return false;
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(files_in(f.tmp()) == 1);
  const auto alive = f.store.begin();
  REQUIRE(alive.has_value());
  CHECK(files_in(f.tmp()) == 1);
  CHECK(in_child([&] { return f.import(layout.root()).has_value(); }) == 0);
  CHECK(std::filesystem::exists(alive.value().stage.path()));
  CHECK(f.store.list().value().size() == 1);
  CHECK(files_in(f.blobs()) == 3);
}

TEST_CASE("a kill at any moment leaves the store sound") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {TarBuilder().file("big", std::string(2'000'000, 'b')).done()});
  layout.finish();
  for (int delay = 0; delay < 20; ++delay) {
    const pid_t child = ::fork();
    if (child == 0) {
      while (true) {
        const auto images = f.import(layout.root());
        if (images && ensure_disk(f.store, images.value()[0], {}, {})) {
          static_cast<void>(f.store.remove("layout:x", true));
        }
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3 * delay));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto images = f.store.list();
    REQUIRE(images.has_value());
    for (const Image& image : images.value()) {
      REQUIRE(f.store.details(image).has_value());
    }
  }
  const Image image = f.import_one(layout.root());
  CHECK(ensure_disk(f.store, image, {}, {}).has_value());
  CHECK(files_in(f.tmp()) == 0);
  CHECK(f.store.prune().has_value());
  CHECK(files_in(f.blobs()) == 3);
}

TEST_CASE("many processes at once") {
  StoreFixture f;
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    LayoutBuilder layout(f.directory / ("layout" + std::to_string(i)));
    layout.add("example.org/x" + std::to_string(i) + ":1",
               {TarBuilder().file("base", "shared").done(), small_layer(std::to_string(i % 3))});
    layout.finish();
    children.push_back(::fork());
    if (children.back() == 0) {
      const auto images = f.import(layout.root());
      const bool pruned = f.store.prune().has_value();
      ::_exit(images && pruned && ensure_disk(f.store, images.value()[0], {}, {}) ? 0 : 1);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  CHECK(f.store.list().value().size() == 3);
  CHECK(files_in(f.blobs()) == 3 * 3 + 1);
  CHECK(files_in(f.store.root() + "/disks") == 3);
  CHECK(files_in(f.tmp()) == 0);
}

TEST_CASE_METHOD(TwoImages, "a damaged store is reported, with the remedy") {
  const std::string path = store.blob_path(a.digest);
  std::filesystem::remove(path);
  CHECK_FALSE(store.details(store.find("example.org/a:1").value()).has_value());
  std::ofstream(path) << "other";
  const auto details = store.details(store.find("example.org/a:1").value());
  REQUIRE_FALSE(details.has_value());
  CHECK(details.error().context.find("import it again") != std::string::npos);
  CHECK(store.remove("example.org/a:1", false).has_value());
  std::ofstream(store.root() + "/index.json") << "garbage";
  CHECK_FALSE(store.list().has_value());
}

#include "run/find_image.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

const image::Progress kNoProgress = [](std::string_view, std::uint64_t, std::uint64_t) {};

}  // namespace

TEST_CASE("A directory runs by its path, and is imported once") {
  const test::TemporaryDirectory directory;
  const image::Store store(directory / "store");
  directory.write("root/bin/sh", "#!");
  directory.write("root/etc/passwd", "root:x:0:0::/:/bin/sh\n");
  const auto first = find_image(store, directory / "root", Pull::kNever, kNoProgress);
  REQUIRE(first);
  const auto second = find_image(store, directory / "root", Pull::kMissing, kNoProgress);
  REQUIRE(second);
  CHECK(first.value().manifest.digest == second.value().manifest.digest);
  CHECK(store.list().value().size() == 1);
}

TEST_CASE("A path that doesn't exist or holds no image is an error that names it") {
  const test::TemporaryDirectory directory;
  const image::Store store(directory / "store");
  const auto missing = find_image(store, directory / "nothere", Pull::kMissing, kNoProgress);
  REQUIRE(missing.has_error());
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().context.find("nothere") != std::string::npos);
  directory.write("text", "no image\n");
  const auto text = find_image(store, directory / "text", Pull::kMissing, kNoProgress);
  REQUIRE(text.has_error());
  CHECK(text.error().context.find("text") != std::string::npos);
}

TEST_CASE("A name that isn't in the store isn't pulled with --pull never") {
  const test::TemporaryDirectory directory;
  const image::Store store(directory / "store");
  CHECK(find_image(store, "nothere", Pull::kNever, kNoProgress).error().code ==
        ErrorCode::kNotFound);
}

}  // namespace bothy::run

#include "image/store/reference.h"

#include <utility>

#include "tests/support/catch.h"

using namespace bothy::image;

TEST_CASE("names are completed by Docker's rules") {
  const std::pair<const char*, const char*> cases[] = {
      {"busybox", "docker.io/library/busybox:latest"},
      {"busybox:1.36", "docker.io/library/busybox:1.36"},
      {"library/busybox", "docker.io/library/busybox:latest"},
      {"docker.io/busybox", "docker.io/library/busybox:latest"},
      {"index.docker.io/busybox", "docker.io/library/busybox:latest"},
      {"a/b/c", "docker.io/a/b/c:latest"},
      {"localhost/x", "localhost/x:latest"},
      {"localhost:5000/x:y", "localhost:5000/x:y"},
      {"[::1]:5000/x", "[::1]:5000/x:latest"},
      {"ghcr.io/o/n:V1.2", "ghcr.io/o/n:V1.2"},
      {"a__b/c-d---e.f", "docker.io/a__b/c-d---e.f:latest"},
  };
  for (const auto& [given, full] : cases) {
    CAPTURE(given);
    REQUIRE(Reference::parse(given).has_value());
    CHECK(Reference::parse(given).value().full() == full);
  }
}

TEST_CASE("names are shown in their short form") {
  const auto familiar = [](const char* text) { return Reference::parse(text).value().familiar(); };
  CHECK(familiar("docker.io/library/busybox:latest") == "busybox:latest");
  CHECK(familiar("docker.io/a/b:1") == "a/b:1");
  CHECK(familiar("localhost/a") == "localhost/a:latest");
}

TEST_CASE("a digest can follow a name") {
  const Digest digest = digest_of("x");
  const auto reference = Reference::parse("busybox@" + digest.text());
  REQUIRE(reference.has_value());
  CHECK(reference.value().digest == digest);
  CHECK(reference.value().tag.empty());
  CHECK_FALSE(Reference::parse("busybox@sha256:12").has_value());
}

TEST_CASE("invalid names are refused") {
  for (const char* bad : {"",   ":",    "a:",     "Busybox", "a//b",   "/a",    "a/",   "a b",
                          "-a", "a-",   "a..b",   "a___b",   "a:b:c/", "a@b",   "../x", "a\nb",
                          ".",  "a:-x", "x/../y", "a.:1/x",  "a.b:/x", "[]/x.y"}) {
    CAPTURE(bad);
    CHECK_FALSE(Reference::parse(bad).has_value());
  }
  CHECK_FALSE(Reference::parse(std::string(300, 'a')).has_value());
  CHECK_FALSE(Reference::parse("a:" + std::string(129, 'b')).has_value());
}

TEST_CASE("an image name is derived from a file name") {
  CHECK(name_from_path("/x/busybox.tar") == "busybox");
  CHECK(name_from_path("My Root FS.tar.gz") == "my-root-fs");
  CHECK(name_from_path("debian-12.5.ext4") == "debian-12.5");
  CHECK(name_from_path("dir/") == "dir");
  CHECK(name_from_path("..").empty());
  CHECK(name_from_path("---").empty());
  for (const char* path : {"a--b.img", "..a..", "x_.tar", "A__B", "a.-b"}) {
    CAPTURE(path);
    CHECK(Reference::parse(name_from_path(path)).has_value());
  }
}

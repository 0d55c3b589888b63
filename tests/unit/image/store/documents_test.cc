#include "image/store/documents.h"

#include "image/store/media_type.h"
#include "tests/support/catch.h"

using namespace bothy::image;

namespace {

const std::string kDigest = digest_of("x").text();

std::string descriptor(const std::string& type, const std::string& more = "") {
  return R"({"mediaType":")" + type + R"(","digest":")" + kDigest + R"(","size":1)" + more + "}";
}

std::string manifest(const std::string& config, const std::string& layers) {
  return R"({"schemaVersion":2,"config":)" + config + R"(,"layers":[)" + layers + "]}";
}

Descriptor of(const char* os, const char* architecture, const char* variant, std::uint64_t size) {
  Descriptor result;
  result.size = size;
  result.platform = Platform{os, architecture, variant};
  return result;
}

const std::string kConfig = descriptor("application/vnd.docker.container.image.v1+json");
const std::string kTar = descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip");

}  // namespace

TEST_CASE("Docker's manifests are accepted") {
  const auto parsed = Manifest::parse(manifest(kConfig, kTar));
  REQUIRE(parsed.has_value());
  CHECK(parsed.value().layers.size() == 1);
  CHECK(parsed.value().config.digest.text() == kDigest);
  CHECK_FALSE(parsed.value().is_disk());
}

TEST_CASE("written documents are read back unchanged") {
  Manifest made;
  made.config = {std::string(kConfigType), digest_of("c"), 7, {}, {}};
  made.layers = {{std::string(kLayerType), digest_of("l"), 9, {}, {{"a", "b"}}}};
  const auto read = Manifest::parse(made.json());
  REQUIRE(read.has_value());
  CHECK(read.value().json() == made.json());
  CHECK(read.value().layers[0].annotation("a") == "b");

  ImageConfig config;
  config.platform = {"linux", "arm64", "v8"};
  config.diff_ids = {digest_of("l")};
  config.environment = {"A=b"};
  config.entrypoint = {"/bin/sh", "-c"};
  config.command = {"true"};
  config.working_directory = "/x";
  config.user = "1:2";
  config.exposed_ports = {"80/tcp"};
  config.volumes = {"/v"};
  config.labels = {{"k", "v"}};
  config.stop_signal = "SIGINT";
  const auto again = ImageConfig::parse(config.json());
  REQUIRE(again.has_value());
  CHECK(again.value().json() == config.json());
  CHECK(again.value().entrypoint == config.entrypoint);
  CHECK(again.value().exposed_ports == config.exposed_ports);
}

TEST_CASE("inconsistent documents are refused") {
  const std::string layer = descriptor(std::string(kLayerType));
  const std::string bad[] = {
      "",
      "[]",
      "{",
      "null",
      R"({"schemaVersion":1})",
      R"({"schemaVersion":2})",
      manifest(kConfig, ""),
      manifest("{}", layer),
      manifest("[]", layer),
      manifest(kConfig, "1"),
      manifest(kConfig, descriptor("application/x-secret")),
      manifest(descriptor("application/vnd.cncf.helm.config.v1+json"), layer),
      manifest(kConfig, R"({"mediaType":"x","digest":"sha256:1","size":1})"),
      manifest(kConfig, R"({"mediaType":")" + std::string(kLayerType) + R"(","digest":")" +
                            kDigest + R"(","size":-1})"),
      manifest(kConfig, R"({"mediaType":")" + std::string(kLayerType) + R"(","digest":")" +
                            kDigest + R"("})"),
      manifest(kConfig, layer + "," + descriptor(std::string(kDiskType))),
      std::string(100'000, '['),
  };
  for (const std::string& text : bad) {
    CAPTURE(text.substr(0, 200));
    const auto parsed = Manifest::parse(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == bothy::ErrorCode::kBadInput);
  }
  for (const char* text : {"{}", R"({"rootfs":[]})", R"({"rootfs":{"diff_ids":["sha256:0"]}})",
                           R"({"rootfs":{"diff_ids":[]},"config":{"Env":"x"}})",
                           R"({"rootfs":{"diff_ids":[]},"config":{"Cmd":[1]}})"}) {
    CAPTURE(text);
    CHECK_FALSE(ImageConfig::parse(text).has_value());
  }
}

TEST_CASE("a null member is treated as missing") {
  const auto config = ImageConfig::parse(
      R"({"rootfs":{"diff_ids":[]},"config":{"Env":null,"Entrypoint":null,"Labels":null}})");
  REQUIRE(config.has_value());
  CHECK(config.value().entrypoint.empty());
}

TEST_CASE("the platform's own manifest is chosen") {
  const std::vector<Descriptor> all{of("linux", "arm", "v7", 1), of("linux", "arm64", "v8", 2),
                                    of("linux", "amd64", "v3", 3), of("linux", "amd64", "", 4),
                                    of("unknown", "unknown", "", 5)};
  CHECK(choose_manifest(all, {"linux", "amd64", ""}).value().size == 4);
  CHECK(choose_manifest(all, {"linux", "amd64", "v3"}).value().size == 3);
  CHECK(choose_manifest(all, {"linux", "arm64", ""}).value().size == 2);
  const auto none = choose_manifest(all, {"linux", "riscv64", ""});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().context.find("linux/arm64/v8") != std::string::npos);
  CHECK(choose_manifest({Descriptor()}, {"linux", "amd64", ""}).has_value());
}

TEST_CASE("platforms are parsed from text with slashes") {
  CHECK(Platform::parse("linux/arm64/v8").value().variant == "v8");
  for (const char* bad : {"", "linux", "linux/", "a/b/c/d", "/amd64"}) {
    CHECK_FALSE(Platform::parse(bad).has_value());
  }
}

#include "image/import/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/import/pull.h"
#include "tests/unit/image/image_fixture.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

// What docker save writes: the config and layers by path.
std::string docker_archive(const std::string& layer, const std::string& layer_path,
                           const std::string& tags, const Digest& diff_id) {
  ImageConfig config;
  config.platform = Platform::host();
  config.diff_ids = {diff_id};
  const std::string config_path = digest_of(config.json()).hex() + ".json";
  const std::string directory = std::string(64, 'a');
  return TarBuilder()
      .directory(directory)
      .file(directory + "/layer.tar", layer)
      .symlink("link.tar", directory + "/layer.tar")
      .file(config_path, config.json())
      .file("manifest.json", R"([{"Config":")" + config_path + R"(","RepoTags":)" + tags +
                                 R"(,"Layers":[")" + layer_path + R"("]}])")
      .done();
}

const std::string kLayerPath = std::string(64, 'a') + "/layer.tar";

}  // namespace

TEST_CASE("an OCI layout is imported, as a directory and as a tar") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "my image");
  const Descriptor made = layout.add("1.0", {small_layer()});
  layout.finish();
  const bool packed = GENERATE(false, true);
  std::string source = layout.root();
  if (packed) {
    source = f.directory.write("my image.tar", layout.archive());
  }
  const Image image = f.import_one(source);
  CHECK(image.manifest.digest == made.digest);
  CHECK(image.names == std::vector<std::string>{"docker.io/library/my-image:1.0"});
  CHECK(files_in(f.blobs()) == 3);
  CHECK(files_in(f.tmp()) == 0);
  CHECK(content_of(f.store.root() + "/oci-layout").find("1.0.0") != std::string::npos);
  const auto details = f.store.details(image);
  REQUIRE(details.has_value());
  CHECK(details.value().config.platform == Platform::host());
}

TEST_CASE("the host's platform is chosen from several") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "multi");
  Index inner;
  for (const char* architecture : {"s390x", "riscv64"}) {
    Descriptor other = layout.add("", {small_layer(architecture)}, {}, {"linux", architecture, ""});
    other.platform = Platform{"linux", architecture, ""};
    inner.manifests.push_back(other);
  }
  Descriptor own = layout.add("", {small_layer("own")});
  own.platform = Platform::host();
  inner.manifests.push_back(own);
  Descriptor nested = layout.blob(inner.json(), kIndexType);
  nested.annotations[std::string(kNameAnnotation)] = "latest";
  layout.index.manifests = {nested};
  layout.finish();
  CHECK(f.import_one(layout.root()).manifest.digest == own.digest);
  ImportOptions options;
  options.platform = Platform{"linux", "riscv64", ""};
  CHECK(f.import_one(layout.root(), options).manifest.digest == inner.manifests[1].digest);
  options.platform = Platform{"linux", "mips", ""};
  CHECK(f.refusal(layout.root(), options).find("linux/s390x") != std::string::npos);
}

TEST_CASE("several images of one layout are imported, or one of them") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "two");
  layout.add("a", {small_layer("a")});
  layout.add("example.org/b:2", {small_layer("b")});
  layout.finish();
  SECTION("all") {
    REQUIRE(f.import(layout.root()).has_value());
    CHECK(f.store.find("two:a").has_value());
    CHECK(f.store.find("example.org/b:2").has_value());
  }
  SECTION("one") {
    ImportOptions options;
    options.only = "a";
    options.name = "mine";
    f.import_one(layout.root(), options);
    CHECK(f.store.find("mine").has_value());
    CHECK(f.store.list().value().size() == 1);
  }
  SECTION("not under one name") {
    ImportOptions options;
    options.name = "mine";
    CHECK(f.refusal(layout.root(), options).find("--only") != std::string::npos);
  }
  SECTION("none") {
    ImportOptions options;
    options.only = "c";
    CHECK(f.refusal(layout.root(), options).find("example.org/b:2") != std::string::npos);
  }
}

TEST_CASE("inconsistent layouts are refused, and nothing is left") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "liar");
  const Descriptor made = layout.add("latest", {small_layer()});
  layout.finish();
  const bool packed = GENERATE(false, true);
  const auto refused = [&] {
    return f.refusal(packed ? f.directory.write("liar.tar", layout.archive()) : layout.root());
  };
  SECTION("a layer of another content") {
    const std::string layer = small_layer();
    layout.put("blobs/sha256/" + digest_of(layer).hex(), std::string(layer.size(), 'x'));
    CHECK(refused().find("digest") != std::string::npos);
  }
  SECTION("a layer of another size") {
    const std::string layer = small_layer();
    layout.put("blobs/sha256/" + digest_of(layer).hex(), layer + "more");
    refused();
  }
  SECTION("a missing layer") {
    std::filesystem::remove(layout.root() + "/blobs/sha256/" + digest_of(small_layer()).hex());
    CHECK(refused().find("is missing") != std::string::npos);
  }
  SECTION("a missing manifest") {
    std::filesystem::remove(layout.root() + "/blobs/sha256/" + made.digest.hex());
    refused();
  }
  SECTION("an index that is none") {
    layout.put("index.json", "{");
    refused();
  }
  SECTION("an index without end") {
    Descriptor inner = layout.index.manifests[0];
    for (int i = 0; i < 8; ++i) {
      Index next;
      inner.platform = Platform::host();
      next.manifests = {inner};
      inner = layout.blob(next.json(), kIndexType);
    }
    layout.index.manifests = {inner};
    layout.finish();
    CHECK(refused().find("nested more than") != std::string::npos);
  }
  SECTION("other media types") {
    for (const char* type :
         {"application/x-nonsense", "", "application/vnd.docker.distribution.manifest.v1+json"}) {
      layout.index.manifests[0].media_type = type;
      layout.finish();
      refused();
    }
  }
  SECTION("a document that is too long") {
    layout.index.manifests[0].size = 5U << 20U;
    layout.finish();
    refused();
  }
  SECTION("a config with other layers") {
    layout.index.manifests.clear();
    Manifest manifest;
    manifest.layers = {layout.blob(small_layer(), kLayerType)};
    manifest.config = layout.blob(ImageConfig().json(), kConfigType);
    layout.index.manifests = {layout.blob(manifest.json(), kManifestType)};
    layout.finish();
    CHECK(refused().find("layers") != std::string::npos);
  }
}

TEST_CASE("an archive of docker save is imported") {
  StoreFixture f;
  const std::string layer = small_layer();
  const std::string path = GENERATE(as<std::string>{}, kLayerPath, "link.tar");
  SECTION("with names") {
    const std::string archive =
        docker_archive(layer, path, R"(["busybox:1.36","example.org/x:y"])", digest_of(layer));
    f.import_one(f.directory.write("x.tar", archive));
    CHECK(f.store.find("busybox:1.36").has_value());
    CHECK(f.store.find("example.org/x:y").has_value());
    CHECK(f.store.list().value().size() == 1);
  }
  SECTION("without names, packed") {
    const std::string packed = TarBuilder(archive_write_add_filter_gzip).file("f", "x").done();
    const std::string plain = TarBuilder().file("f", "x").done();
    f.import_one(
        f.directory.write("y.tar", docker_archive(packed, path, "null", digest_of(plain))));
    const Image image = f.store.find("y").value();
    CHECK(f.store.details(image).value().manifest.layers[0].media_type.ends_with("+gzip"));
    CHECK(ensure_disk(f.store, image, {}, {}).has_value());
  }
  SECTION("with a layer of another digest") {
    const std::string archive = docker_archive(layer, path, "null", digest_of("other"));
    CHECK(f.refusal(f.directory.write("x.tar", archive)).find("digest") != std::string::npos);
  }
  SECTION("without its layer") {
    for (const char* missing : {"missing", "../../etc/passwd", "/etc/passwd"}) {
      f.refusal(
          f.directory.write("x.tar", docker_archive(layer, missing, "null", digest_of(layer))));
    }
  }
  SECTION("with names that are none") {
    f.refusal(
        f.directory.write("x.tar", docker_archive(layer, path, R"(["A B"])", digest_of(layer))));
  }
  SECTION("of no sense") {
    for (const char* text : {"", "{}", "[]", "[1]", R"([{"Config":1}])", R"([{"Layers":["a"]}])"}) {
      f.refusal(f.directory.write("x.tar", TarBuilder().file("manifest.json", text).done()));
    }
    CHECK(f.refusal(f.directory.write("x.tar", TarBuilder().file("repositories", "{}").done()))
              .find("1.10") != std::string::npos);
    f.refusal(f.directory.write("x.tar", TarBuilder().file("oci-layout", "{}").done()));
  }
}

TEST_CASE("a root file system is imported, as a tar of any compression") {
  StoreFixture f;
  const auto filter = GENERATE(as<TarBuilder::Filter>(), archive_write_add_filter_none,
                               archive_write_add_filter_gzip, archive_write_add_filter_zstd,
                               archive_write_add_filter_xz, archive_write_add_filter_bzip2);
  const auto build = [](TarBuilder::Filter how) {
    return TarBuilder(how).directory("./").file("./bin/sh", "sh").done();
  };
  const Image image = f.import_one(f.directory.write("rootfs.tar.x", build(filter)));
  const auto details = f.store.details(image);
  REQUIRE(details.has_value());
  CHECK(details.value().manifest.layers[0].digest ==
        digest_of(build(archive_write_add_filter_none)));
  CHECK(details.value().manifest.layers[0].media_type == kLayerType);
}

TEST_CASE("a hostile root file system is refused at once") {
  StoreFixture f;
  for (const std::string& archive :
       {raw_entry({.name = "x"}) + raw_entry({.name = "../x"}) + raw_end(),
        raw_entry({.name = "x", .size = octal(1000)}, "short"),
        raw_entry({.name = "x", .type = '1', .link = "/etc/shadow"}) + raw_end()}) {
    f.refusal(f.directory.write("rootfs.tar", archive));
  }
  ImportOptions options;
  options.limits.set_size(1U << 20U);
  const std::string bomb =
      TarBuilder(archive_write_add_filter_gzip).file("zeros", std::string(4U << 20U, '\0')).done();
  CHECK(f.refusal(f.directory.write("bomb.tar.gz", bomb), options).find("--max-size") !=
        std::string::npos);
}

TEST_CASE("a root file system is imported, as a directory") {
  StoreFixture f;
  f.directory.write("rootfs/etc/passwd", "root");
  f.directory.write("rootfs/caf\xe9\xff", "odd");
  const std::string root = f.directory / "rootfs";
  REQUIRE(::link((root + "/etc/passwd").c_str(), (root + "/etc/hard").c_str()) == 0);
  REQUIRE(::symlink("/etc/passwd", (root + "/soft").c_str()) == 0);
  REQUIRE(::mkfifo((root + "/fifo").c_str(), 0600) == 0);
  {
    const int fd = ::open((root + "/sparse").c_str(), O_CREAT | O_WRONLY, 0600);
    CHECK(::pwrite(fd, "end", 3, 3'000'000) == 3);
    ::close(fd);
  }
  const Image image = f.import_one(root);
  CHECK(image.names == std::vector<std::string>{"docker.io/library/rootfs:latest"});
  const auto details = f.store.details(image);
  REQUIRE(details.has_value());
  CHECK(details.value().size() < 1'000'000);  // holes are left out
  const auto disk = ensure_disk(f.store, image, {}, {});
  if (!disk) {
    FAIL(disk.error().context);
  }
  // The same tree again is the same image.
  CHECK(f.import_one(root).manifest.digest == image.manifest.digest);
}

TEST_CASE("a raw disk is kept unchanged") {
  StoreFixture f;
  std::string ext4(1U << 20U, '\0');
  ext4.replace(0x438, 2, "\x53\xef");
  const Image image = f.import_one(f.directory.write("disk.ext4", ext4));
  CHECK(image.names == std::vector<std::string>{"docker.io/library/disk:latest"});
  const auto disk = ensure_disk(f.store, image, {}, {});
  REQUIRE(disk.has_value());
  CHECK(content_of(disk.value().path) == ext4);
  REQUIRE(copy_disk(disk.value(), f.directory / "copy").has_value());
  CHECK(content_of(f.directory / "copy") == ext4);
}

TEST_CASE("files that are not images are refused with their kind") {
  StoreFixture f;
  const std::string zeros(100'000, '\0');
  const auto words = [&](const std::string& content) {
    return f.refusal(f.directory.write("x", content));
  };
  CHECK(words("").find("empty") != std::string::npos);
  CHECK(words("QFI\xfb" + zeros).find("qemu-img convert -f qcow2") != std::string::npos);
  CHECK(words("KDMV" + zeros).find("-f vmdk") != std::string::npos);
  CHECK(words(zeros).find("not an image") != std::string::npos);
  CHECK(words("\x7f"
              "ELF" +
              zeros)
            .find("not an image") != std::string::npos);
  CHECK(words(std::string("\x1f\x8b\x08") + zeros).find("gzip") != std::string::npos);
  std::string mbr = zeros.substr(0, 99'840);
  mbr.replace(510, 2, "\x55\xaa");
  CHECK(words(mbr).find("not an image") != std::string::npos);
  mbr[450] = '\x83';
  f.import_one(f.directory.write("x", mbr));
  CHECK_FALSE(f.import(f.directory / "missing").has_value());
  CHECK_FALSE(f.import("/dev/null").has_value());
}

TEST_CASE("names are checked before the store is touched") {
  StoreFixture f;
  ImportOptions options;
  for (const char* bad : {"A", "a b", "../x"}) {
    options.name = bad;
    CHECK_FALSE(f.import("/nothing", options).has_value());
    CHECK_FALSE(std::filesystem::exists(f.store.root()));
    CHECK_FALSE(pull_image(f.store, bad, ImportOptions()).has_value());
  }
}

TEST_CASE("holes in an archive's files count together, before they are hashed") {
  StoreFixture f;
  ImportOptions options;
  options.limits.set_size(1U << 20U);
  std::string archive = raw_entry({.name = "oci-layout", .size = octal(2)}, "{}");
  for (const char* name : {"blobs/a", "blobs/b"}) {
    archive += raw_pax({{"GNU.sparse.size", "600000"}, {"GNU.sparse.map", "0,4"}}) +
               raw_entry({.name = name, .size = octal(4)}, "data");
  }
  const std::string words = f.refusal(f.directory.write("x.tar", archive + raw_end()), options);
  CHECK(words.find("entry 'blobs/b': the image exceeds the limit of 1048576 bytes of files") !=
        std::string::npos);
}

TEST_CASE("an archive's names and links count as metadata") {
  StoreFixture f;
  ImportOptions options;
  options.limits.metadata_bytes = 10'000;
  std::string archive = raw_entry({.name = "oci-layout", .size = octal(2)}, "{}");
  for (int i = 0; i < 10; ++i) {
    archive += raw_pax({{"linkpath", std::string(4000, 'l')}}) +
               raw_entry({.name = std::to_string(i), .type = '2', .link = "l"});
  }
  CHECK(
      f.refusal(f.directory.write("x.tar", archive + raw_end()), options).find("--max-metadata") !=
      std::string::npos);
}

TEST_CASE("a directory and its layout's blobs are limited too") {
  StoreFixture f;
  ImportOptions options;
  options.limits.set_size(1000);
  f.directory.write("rootfs/file", std::string(2000, 'x'));
  CHECK(f.refusal(f.directory / "rootfs", options).find("--max-size") != std::string::npos);
  LayoutBuilder layout(f.directory / "layout");
  layout.add("x", {small_layer()});
  layout.finish();
  CHECK(f.refusal(layout.root(), options).find("--max-size") != std::string::npos);
}

TEST_CASE("an index of very many names is refused in a short line") {
  StoreFixture f;
  LayoutBuilder layout(f.directory / "layout");
  const Descriptor made = layout.add("x", {small_layer()});
  for (int i = 0; i < 2000; ++i) {
    Descriptor other = made;
    other.annotations[std::string(kNameAnnotation)] = "x" + std::to_string(i);
    layout.index.manifests.push_back(other);
  }
  layout.finish();
  CHECK(f.refusal(layout.root()).find("more than 1024 images") != std::string::npos);
  ImportOptions options;
  options.only = "nothing";
  CHECK(f.refusal(layout.root(), options).size() < 1000);
  options.only = "x1999";
  f.import_one(layout.root(), options);
}

#include "run/vm/kernel_modules.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

using Order = std::vector<std::string>;

constexpr std::string_view kDependencies =
    "kernel/virtio/virtio_blk.ko.xz: kernel/virtio/virtio.ko.xz kernel/virtio/virtio-ring.ko.xz\n"
    "kernel/virtio/virtio.ko.xz: kernel/virtio/virtio-ring.ko.xz\n"
    "kernel/virtio/virtio-ring.ko.xz:\n"
    "kernel/fs/erofs.ko: kernel/lib/libcrc32c.ko\n"
    "kernel/lib/libcrc32c.ko:\n"
    "kernel/crypto/crc32c_generic.ko:\n"
    "kernel/crypto/crc32c-intel.ko:\n";
constexpr std::string_view kBuiltin = "kernel/fs/ext4/ext4.ko\nkernel/fs/over-lay.ko\n";
constexpr std::string_view kSoft =
    "# comment\nsoftdep libcrc32c pre: crc32c nothing post: virtio_blk\n";
constexpr std::string_view kAliases =
    "alias crc32c crc32c_intel\nalias crc32c crc32c_generic\nalias virtio:d* virtio_blk\n";

ModuleIndex index() {
  return ModuleIndex::parse(kDependencies, kBuiltin, kSoft, kAliases).value();
}

Order order_of(const std::string& name) {
  Order order;
  REQUIRE(index().add(name, order));
  return order;
}

}  // namespace

TEST_CASE("A module follows its dependencies, each once") {
  CHECK(order_of("virtio_blk") == Order{"kernel/virtio/virtio-ring.ko.xz",
                                        "kernel/virtio/virtio.ko.xz",
                                        "kernel/virtio/virtio_blk.ko.xz"});
  Order order = order_of("virtio_ring");
  REQUIRE(index().add("virtio_blk", order));
  CHECK(order.size() == 3);
}

TEST_CASE("A soft dependency, by name or alias, comes first") {
  CHECK(order_of("erofs") == Order{"kernel/crypto/crc32c-intel.ko",
                                   "kernel/crypto/crc32c_generic.ko", "kernel/lib/libcrc32c.ko",
                                   "kernel/fs/erofs.ko"});
}

TEST_CASE("A built-in module needs no file, and an unknown one is an error") {
  CHECK(order_of("ext4").empty());
  CHECK(order_of("over_lay").empty());
  Order order;
  CHECK(index().add("virtiofs", order).error().code == ErrorCode::kNotFound);
  CHECK(index().has("ext4"));
  CHECK_FALSE(index().has("virtiofs"));
}

TEST_CASE("Malformed files of depmod do no harm") {
  for (const char* text : {"/etc/x.ko:\n", "../x.ko:\n", "kernel/../../x.ko: y.ko\n"}) {
    CHECK(ModuleIndex::parse(text, "", "", "").error().code == ErrorCode::kBadInput);
  }
  const auto circle = ModuleIndex::parse("a.ko: b.ko\nb.ko: a.ko\n", "", "", "").value();
  Order order;
  CHECK(circle.add("a", order).error().code == ErrorCode::kBadInput);
  for (const char* text : {"\n\n:", "a", "softdep", "softdep a", "alias", "alias a", " : : \n"}) {
    CHECK(ModuleIndex::parse(text, text, text, text));
  }
}

TEST_CASE("The modules that a machine's devices need are read in the order of loading") {
  const test::TemporaryDirectory directory;
  RunOptions options;
  CHECK(read_modules("", options).value().empty());
  CHECK(read_modules(directory / "nothere", options).error().code == ErrorCode::kNotFound);
  CHECK(read_modules(directory.path(), options).error().code == ErrorCode::kInvalid);
  std::string dependencies;
  for (const char* name : {"virtio_mmio", "virtio_blk", "erofs", "vmw_vsock_virtio_transport"}) {
    dependencies += std::string(name) + ".ko:\n";
    directory.write(std::string(name) + ".ko", name);
  }
  directory.write("modules.dep", dependencies);
  directory.write("modules.builtin", "kernel/fs/overlay.ko\n");
  options.network = Network::kNone;
  const auto modules = read_modules(directory.path(), options).value();
  REQUIRE(modules.size() == 4);
  CHECK(modules[2].name == "erofs.ko");
  CHECK(modules[2].content.size() == 5);
  options.network = Network::kUser;
  const auto missing = read_modules(directory.path(), options);
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().context.find("virtio_net") != std::string::npos);
}

}  // namespace bothy::run

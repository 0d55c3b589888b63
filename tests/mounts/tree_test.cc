#include "image/import/tree_builder.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "base/files.h"
#include "base/subordinate_ids.h"
#include "base/user_namespace.h"
#include "run/scratch_disk.h"
#include "tests/mounts/mounts_fixture.h"

namespace bothy::test {
namespace {

constexpr const char* kSubordinate = "nobody:200000:65536\n";

// An image in the store of an ordinary user, on a file system that overlays can be on.
struct TreeFixture {
  explicit TreeFixture(std::string subordinate_ids = kSubordinate)
      : subordinate(std::move(subordinate_ids)) {
    const std::string disk = directory / "disk";
    REQUIRE(run::make_scratch_disk(disk, 32U << 20U));
    std::filesystem::create_directory(mine);
    REQUIRE(std::system(("mount -o loop " + disk + " " + mine).c_str()) == 0);
    REQUIRE(::chown(mine.c_str(), kNobody, kNobody) == 0);
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    LayoutBuilder layout(directory / "layout");
    // The capability of ping: CAP_NET_RAW, version 2.
    const std::string capability("\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    layout.add("x", {MountsFixture::various_layer(),
                     TarBuilder()
                         .directory("closed", {.mode = 0, .uid = 70'000, .gid = 5})
                         .file("closed/file", "x", {.mode = 0, .uid = 5, .gid = 70'000})
                         .file("ping", "p", {.xattrs = {{"security.capability", capability}}})
                         .done()});
    layout.finish();
    layout_path = layout.root();
    std::filesystem::permissions(layout_path, std::filesystem::perms::all);
  }
  TreeFixture(const TreeFixture&) = delete;
  TreeFixture& operator=(const TreeFixture&) = delete;
  ~TreeFixture() { ::umount2(mine.c_str(), MNT_DETACH); }

  static IdMappings mappings() { return UserIdRanges::find().root_mappings(); }

  [[nodiscard]] int as_owner(const std::function<int()>& body) const {
    return as_user(directory, subordinate, body);
  }
  void import() const {
    auto images = image::import_image(store, layout_path, {});
    if (!images) {
      std::fputs(images.error().context.c_str(), stderr);
      ::_exit(99);
    }
  }
  [[nodiscard]] image::Image image() const { return store.list().value().front(); }
  [[nodiscard]] std::string name() const { return image().manifest.digest.hex(); }
  [[nodiscard]] Result<image::Tree> ensure() const {
    return image::ensure_tree(store, image(), mappings(), {}, {});
  }
  [[nodiscard]] int build() const {
    return as_owner([&] {
      import();
      const auto tree = ensure();
      if (!tree) {
        std::fputs(tree.error().context.c_str(), stderr);
      }
      return tree && tree.value().built ? 0 : 1;
    });
  }
  [[nodiscard]] std::string trees() const { return store.root() + "/trees"; }
  // Of the only tree.
  [[nodiscard]] std::string root() const {
    return std::filesystem::directory_iterator(trees())->path().string() + "/root";
  }
  [[nodiscard]] std::string owner(const std::string& path) const {
    const struct stat status = status_of(root() + "/" + path);
    return fmt::format("{}:{}", status.st_uid, status.st_gid);
  }

  TemporaryDirectory directory;
  std::string subordinate;
  std::string mine = directory / "mine";
  image::Store store{mine + "/store"};
  std::string layout_path;
};

}  // namespace

TEST_CASE("a tree's files belong to the user and to subordinate ids") {
  const TreeFixture f;
  REQUIRE(f.build() == 0);
  CHECK(f.owner(".") == "65534:65534");
  CHECK(f.owner("etc/motd") == "65534:65534");
  CHECK(f.owner("home/note") == "200999:201000");
  CHECK(f.owner("bin/sh") == "65534:65534");
  CHECK(content_of(f.root() + "/etc/motd") == "hello\n");
  CHECK((status_of(f.root() + "/bin/su").st_mode & 07777U) == 04755);
  CHECK(status_of(f.root() + "/bin/su").st_nlink == 2);
  CHECK_FALSE(exists(f.root() + "/dev/null"));
  // Ids that aren't mapped are nobody's.
  CHECK(f.owner("closed") == "265533:200004");
  CHECK(f.owner("closed/file") == "200004:265533");
  // With the user as the root that the capability is for.
  std::array<char, 32> capability{};
  CHECK(::getxattr((f.root() + "/ping").c_str(), "security.capability", capability.data(),
                   capability.size()) == 24);
  CHECK((status_of(f.trees()).st_mode & 0777U) == 0700);
  CHECK(f.as_owner([&] { return f.ensure() && !f.ensure().value().built ? 0 : 1; }) == 0);
}

TEST_CASE("without subordinate ids a tree's files belong to the user") {
  const TreeFixture f("other:1:1\n");
  REQUIRE(f.build() == 0);
  CHECK(f.owner("home/note") == "65534:65534");
  CHECK(f.owner("closed/file") == "65534:65534");
  CHECK((status_of(f.root() + "/bin/su").st_mode & 07777U) == 04755);
  CHECK(f.as_owner([&] { return f.store.remove(f.name(), false) ? 0 : 1; }) == 0);
  CHECK(files_in(f.trees()) == 0);
}

TEST_CASE("a tree for other mappings is another one") {
  const TreeFixture f;
  REQUIRE(f.build() == 0);
  CHECK(f.as_owner([&] {
    const auto tree =
        image::ensure_tree(f.store, f.image(), UserIdRanges::find().same_id_mappings(), {}, {});
    return tree && tree.value().built && status_of(tree.value().path + "/etc").st_uid == 200000 &&
                   status_of(tree.value().path).st_uid == 200000
               ? 0
               : 1;
  }) == 0);
  CHECK(files_in(f.trees()) == 2);
}

TEST_CASE("a tree is removed with its image, but not while it is in use") {
  const TreeFixture f;
  REQUIRE(f.build() == 0);
  CHECK(f.as_owner([&] {
    const auto tree = f.ensure();
    if (!tree || f.store.remove(f.name(), false).has_value()) {
      return 1;
    }
    return f.store.remove(f.name(), true) && exists(tree.value().path + "/etc/motd") ? 0 : 2;
  }) == 0);
  CHECK(files_in(f.trees()) == 1);
  CHECK(f.as_owner([&] { return f.store.prune() ? 0 : 1; }) == 0);
  CHECK(files_in(f.trees()) == 0);
  CHECK(files_in(f.store.root() + "/tmp") == 0);
}

TEST_CASE("a tree is built by one process, while others wait") {
  const TreeFixture f;
  constexpr int kBuilt = 10;
  CHECK(f.as_owner([&] {
    f.import();
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) {
      children.push_back(start_child([&] {
        const auto tree = f.ensure();
        return !tree ? 1 : tree.value().built ? kBuilt : 0;
      }));
    }
    int sum = 0;
    for (const pid_t child : children) {
      sum += status_of_child(child);
    }
    return sum == kBuilt ? 0 : 1;
  }) == 0);
}

TEST_CASE("what a killed builder has left is removed by the next import") {
  const TreeFixture f;
  REQUIRE(f.build() == 0);
  const std::string left = f.store.root() + "/tmp/stage-killed/tree";
  std::filesystem::create_directories(left);
  REQUIRE(::chown((f.store.root() + "/tmp/stage-killed").c_str(), kNobody, kNobody) == 0);
  std::filesystem::rename(f.root(), left + "/root");
  REQUIRE(::chown(left.c_str(), kNobody, kNobody) == 0);
  CHECK(f.as_owner([&] { return f.store.begin() ? 0 : 1; }) == 0);
  CHECK(files_in(f.store.root() + "/tmp") == 0);
}

TEST_CASE("a user's container has an overlay of the tree, which the user can remove") {
  const TreeFixture f;
  REQUIRE(f.build() == 0);
  const std::string data = f.mine + "/data";
  CHECK(f.as_owner([&] {
    const auto tree = f.ensure();
    const auto ids = make_user_namespace(TreeFixture::mappings());
    const auto root = run::make_user_root(tree.value(), data, ids.value().get());
    if (!root) {
      std::fputs(root.error().context.c_str(), stderr);
      return 1;
    }
    const auto mounted = run_in_user_namespace(ids.value().get(), [&]() -> Result<void> {
      const std::string options =
          fmt::format("userxattr,lowerdir={},upperdir={},workdir={}", root.value().lower,
                      root.value().upper, root.value().work);
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount("overlay", "/mnt", "overlay", 0, options.c_str()) != 0) {
        return errno_error("mount");
      }
      std::filesystem::remove_all("/mnt/closed");
      std::filesystem::create_directory("/mnt/closed");
      std::ofstream("/mnt/home/note") << "changed";
      const bool right = status_of("/mnt/home/note").st_uid == 1000 &&
                         std::filesystem::is_empty("/mnt/closed") &&
                         content_of("/mnt/home/note") == "changed";
      return right ? Result<void>(success())
                   : make_error(ErrorCode::kSystem, "the overlay is wrong");
    });
    if (!mounted) {
      std::fputs(mounted.error().context.c_str(), stderr);
    }
    return mounted ? 0 : 2;
  }) == 0);
  CHECK(content_of(f.root() + "/home/note") == "mine");
  CHECK(exists(data + "/upper/home/note"));
  CHECK(f.as_owner([&] { return remove_mapped_tree(data) ? 0 : 1; }) == 0);
  CHECK_FALSE(exists(data));
}

TEST_CASE("an overlay's upper directory can't be on an overlay") {
  const TreeFixture f;
  REQUIRE(f.build() == 0);
  const MountsFixture g;
  const run::ImageMount mount = g.mount();
  const UniqueFd other = root_of(mount, {});
  REQUIRE(::chmod(in(other, ".").c_str(), 01777) == 0);
  CHECK(f.as_owner([&] {
    const auto tree = f.ensure();
    const auto root = run::make_user_root(tree.value(), in(other, "data"), -1);
    return root.has_error() && root.error().code == ErrorCode::kUnsupported &&
                   root.error().context.find("XDG_STATE_HOME") != std::string::npos
               ? 0
               : 1;
  }) == 0);
}

}  // namespace bothy::test

#include "image/tar/layer.h"

#include <map>

#include "tests/support/catch.h"
#include "tests/support/tar_builder.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

// Keeps content by place.
class Keeper final : public ContentSink {
 public:
  bothy::Result<std::uint64_t> begin(std::uint64_t size) override {
    contents.emplace_back(size, '\0');
    return contents.size() - 1;
  }
  bothy::Result<void> write(std::uint64_t offset, Bytes bytes) override {
    contents.back().replace(offset, bytes.size(), reinterpret_cast<const char*>(bytes.data()),
                            bytes.size());
    return bothy::success();
  }
  bothy::Result<void> end() override { return bothy::success(); }

  std::vector<std::string> contents;
};

struct Fixture {
  Budget budget;
  FileTree tree{budget};
  Keeper keeper;

  explicit Fixture(const Limits& limits = {}) : budget(limits) {}

  bothy::Result<Digest> apply(const std::string& archive) {
    MemorySource source(std::as_bytes(std::span(archive)));
    return apply_layer(source, tree, keeper, budget);
  }
  std::string refusal(const std::string& archive) {
    const auto result = apply(archive);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == bothy::ErrorCode::kBadInput);
    CHECK(result.error().context.find('\n') == std::string::npos);
    return result.error().context;
  }
  std::string content(const std::string& path) {
    const auto found = tree.find(path);
    REQUIRE(found.has_value());
    return found.value() == nullptr ? "(none)" : keeper.contents.at(found.value()->place);
  }
};

}  // namespace

TEST_CASE("layers of any compression are applied one over another") {
  const auto filter = GENERATE(as<TarBuilder::Filter>(), archive_write_add_filter_none,
                               archive_write_add_filter_gzip, archive_write_add_filter_zstd);
  Fixture f;
  REQUIRE(
      f.apply(TarBuilder(filter).file("etc/a", "one").file("etc/b", "two").file("c", "x").done())
          .has_value());
  REQUIRE(f.apply(TarBuilder(filter)
                      .file("etc/.wh.a", "")
                      .file("etc/b", "three")
                      .file(".wh.c", "")
                      .hard_link("d", "etc/b")
                      .done())
              .has_value());
  CHECK(f.content("etc/a") == "(none)");
  CHECK(f.content("etc/b") == "three");
  CHECK(f.content("c") == "(none)");
  CHECK(f.content("d") == "three");
  CHECK(f.tree.find("etc/.wh.a").value() == nullptr);
}

TEST_CASE("the digest is of the unpacked archive, to its last byte") {
  const std::string plain = TarBuilder().file("f", "content").done() + std::string(10'000, '\0');
  Fixture f;
  CHECK(f.apply(plain).value() == digest_of(plain));
  const std::string packed = TarBuilder(archive_write_add_filter_gzip).file("f", "content").done();
  const std::string same = TarBuilder().file("f", "content").done();
  Fixture g;
  CHECK(g.apply(packed).value() == digest_of(same));
}

TEST_CASE("opaque directories, and AUFS's own files") {
  Fixture f;
  REQUIRE(f.apply(TarBuilder().file("d/low", "1").file("e/low", "2").done()).has_value());
  REQUIRE(f.apply(TarBuilder()
                      .file("d/new", "3")
                      .file("d/.wh..wh..opq", "")
                      .file(".wh..wh.plnk/x", "")
                      .file(".wh..wh.aufs", "")
                      .done())
              .has_value());
  CHECK(f.content("d/low") == "(none)");
  CHECK(f.content("d/new") == "3");
  CHECK(f.content("e/low") == "2");
  CHECK(f.tree.find(".wh..wh.aufs").value() == nullptr);
}

TEST_CASE("only extended attributes of known namespaces are kept") {
  Fixture f;
  REQUIRE(f.apply(TarBuilder()
                      .file("f", "",
                            {.xattrs = {{"user.a", "1"},
                                        {"security.capability", "2"},
                                        {"trusted.x", "3"},
                                        {"trusted.overlay.opaque", "y"},
                                        {"system.nfs4_acl", "4"},
                                        {"btrfs.compression", "5"}}})
                      .done())
              .has_value());
  std::string names;
  for (const auto& xattr : f.tree.find("f").value()->attributes.xattrs) {
    names += xattr.name + " ";
  }
  CHECK(names == "security.capability trusted.x user.a ");
}

TEST_CASE("hostile layers are refused in one line") {
  Fixture f;
  CHECK(f.refusal(raw_entry({.name = "../../etc/passwd"}) + raw_end()).find("out of the image") !=
        std::string::npos);
  CHECK(f.refusal(raw_entry({.name = "/etc/passwd"}) + raw_end()).find("absolute") !=
        std::string::npos);
  f.refusal(raw_entry({.name = "l", .type = '1', .link = "../../etc/passwd"}) + raw_end());
  f.refusal(raw_entry({.name = "l", .type = '1', .link = "/etc/passwd"}) + raw_end());
  f.refusal(raw_entry({.name = "l", .type = '1', .link = "missing"}) + raw_end());
  f.refusal(raw_entry({.name = "l", .type = '2'}) + raw_end());
  f.refusal(raw_entry({.name = "a/.wh.."}) + raw_end());
  f.refusal(raw_entry({.name = "a/.wh..."}) + raw_end());
  f.refusal(raw_entry({.name = ".wh."}) + raw_end());
  f.refusal(raw_entry({.name = "./", .type = '2', .link = "/"}) + raw_end());
  f.refusal(raw_entry({.name = "a\n/../..\x1b[2J"}) + raw_end());
  f.refusal("no tar at all" + std::string(600, 'x'));
  f.refusal("\x1f\x8b" + std::string(600, 'x'));
  f.refusal(std::string("\x28\xb5\x2f\xfd") + std::string(600, 'x'));
  const std::string cut =
      TarBuilder(archive_write_add_filter_gzip).file("f", std::string(9000, 'x')).done();
  f.refusal(cut.substr(0, cut.size() - 12));
}

TEST_CASE("layers that exceed a limit are refused before they cost more") {
  Limits limits;
  limits.set_size(1U << 20U);
  limits.set_inodes(100);
  limits.metadata_bytes = 100'000;
  Fixture f(limits);
  SECTION("one large file, packed small") {
    const std::string bomb = TarBuilder(archive_write_add_filter_gzip)
                                 .file("zeros", std::string(4U << 20U, '\0'))
                                 .done();
    CHECK(bomb.size() < 10'000);
    CHECK(f.refusal(bomb).find("--max-size") != std::string::npos);
    CHECK(f.keeper.contents.empty());
  }
  SECTION("a sparse file") {
    f.refusal(raw_pax({{"GNU.sparse.size", "1099511627776"}, {"GNU.sparse.map", "0,4"}}) +
              raw_entry({.name = "f", .size = octal(4)}, "data") + raw_end());
  }
  SECTION("many files") {
    TarBuilder many;
    for (int i = 0; i < 101; ++i) {
      many.file(std::to_string(i), "");
    }
    CHECK(f.refusal(many.done()).find("limit of 100 archive entries") != std::string::npos);
  }
  SECTION("deep paths") {
    std::string archive;
    for (int i = 0; i < 20; ++i) {
      archive += raw_pax({{"path", std::to_string(i) + "/1/2/3/4/5/6/7/8/9"}}) +
                 raw_entry({.name = "x", .type = '5'});
    }
    const std::string words = f.refusal(archive + raw_end());
    CHECK(words.starts_with("entry '10/1/2/3/4/5/6/7/8/9': "));
    CHECK(words.find("limit of 100 inodes (raise it with --max-inodes") != std::string::npos);
  }
  SECTION("extended attributes, kept or dropped") {
    const std::string name = GENERATE("user.x", "trusted.overlay.x");
    std::string archive;
    for (int i = 0; i < 10; ++i) {
      archive += raw_pax({{"SCHILY.xattr." + name, std::string(40'000, 'x')}}) +
                 raw_entry({.name = std::to_string(i)});
    }
    CHECK(f.refusal(archive + raw_end()).find("--max-metadata") != std::string::npos);
    CHECK(f.tree.count() <= 3);
  }
  SECTION("links along deep paths") {
    std::string path = "d";
    for (int i = 0; i < 60; ++i) {
      path += "/d";
    }
    CHECK(f.apply(TarBuilder().directory(path).done()).has_value());
    TarBuilder links;
    for (int i = 0; i < 99; ++i) {
      links.hard_link(path + "/" + std::to_string(i), path + "/missing");
    }
    f.refusal(links.done());
    const std::uint64_t steps = f.budget.spent(Resource::kSteps);
    CHECK(steps < 6400);
    CHECK(steps > 60);
  }
  SECTION("many layers") {
    const std::string layer = TarBuilder().file("f", std::string(300'000, 'x')).done();
    CHECK(f.apply(layer).has_value());
    CHECK(f.apply(layer).has_value());
    CHECK(f.apply(layer).has_value());
    f.refusal(layer);
  }
  SECTION("nothing but an end") {
    f.refusal(TarBuilder().file("f", "").done() + std::string(2U << 20U, '\0'));
  }
  SECTION("within an inch") {
    CHECK(f.apply(TarBuilder().file("f", std::string(1'000'000, 'x')).done()).has_value());
  }
}

#include "image/tar/reader.h"

#include <map>

#include "tests/support/catch.h"
#include "tests/support/tar_builder.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

struct ReadFile {
  TarEntry entry;
  std::string content;
};

// All entries in their order; fails the test when the archive is not read to its end.
std::vector<ReadFile> read_all(const std::string& archive) {
  MemorySource source(std::as_bytes(std::span(archive)));
  TarReader tar(source);
  std::vector<ReadFile> files;
  while (true) {
    const auto entry = tar.next();
    if (!entry) {
      FAIL(entry.error().context);
    }
    if (entry.value() == nullptr) {
      return files;
    }
    ReadFile file{*entry.value(), {}};
    while (true) {
      const auto part = tar.data();
      REQUIRE(part.has_value());
      if (part.value().bytes.empty()) {
        break;
      }
      file.content.resize(part.value().offset);
      file.content.append(reinterpret_cast<const char*>(part.value().bytes.data()),
                          part.value().bytes.size());
    }
    file.content.resize(file.entry.size);
    files.push_back(std::move(file));
  }
}

// What reading it ends with: nothing, or the error's text.
std::string failure(const std::string& archive) {
  MemorySource source(std::as_bytes(std::span(archive)));
  TarReader tar(source);
  while (true) {
    const auto entry = tar.next();
    if (!entry) {
      CHECK(entry.error().code == bothy::ErrorCode::kBadInput);
      return entry.error().context;
    }
    if (entry.value() == nullptr) {
      return "";
    }
    while (true) {
      const auto part = tar.data();
      if (!part) {
        return part.error().context;
      }
      if (part.value().bytes.empty()) {
        break;
      }
    }
  }
}

}  // namespace

TEST_CASE("entries written by libarchive are read unchanged") {
  for (const TarBuilder::Format format :
       {archive_write_set_format_pax, archive_write_set_format_pax_restricted,
        archive_write_set_format_gnutar, archive_write_set_format_ustar}) {
    CAPTURE(format);
    const std::string big(300'000, 'b');
    const std::string archive =
        TarBuilder(archive_write_add_filter_none, format)
            .directory("d", {.mode = 01777})
            .file("d/f", "content", {.mode = 04755, .uid = 1000, .gid = 1001})
            .file("d/empty", "")
            .file("d/big", big)
            .symlink("d/s", "../target")
            .hard_link("d/h", "d/f")
            .device("d/c", AE_IFCHR, 1, 3)
            .device("d/b", AE_IFBLK, 8, 300)
            .device("d/p", AE_IFIFO, 0, 0)
            .done();
    const auto files = read_all(archive);
    REQUIRE(files.size() == 9);
    CHECK(files[0].entry.type == FileType::kDirectory);
    CHECK(files[0].entry.attributes.permissions == 01777);
    CHECK(files[1].entry.path == "d/f");
    CHECK(files[1].content == "content");
    CHECK(files[1].entry.attributes.permissions == 04755);
    CHECK(files[1].entry.attributes.uid == 1000);
    CHECK(files[1].entry.attributes.gid == 1001);
    CHECK(files[1].entry.attributes.mtime.seconds == 1'600'000'000);
    CHECK(files[2].content.empty());
    CHECK(files[3].content == big);
    CHECK(files[4].entry.type == FileType::kSymlink);
    CHECK(files[4].entry.link == "../target");
    CHECK(files[5].entry.hard_link);
    CHECK(files[5].entry.link == "d/f");
    CHECK(files[6].entry.type == FileType::kCharacter);
    CHECK(files[6].entry.minor == 3);
    CHECK(files[7].entry.type == FileType::kBlock);
    CHECK(files[7].entry.major == 8);
    CHECK(files[7].entry.minor == 300);
    CHECK(files[8].entry.type == FileType::kFifo);
  }
}

TEST_CASE("names are bytes") {
  const std::string utf8 = "caf\xc3\xa9";
  const std::string latin = "caf\xe9\n\t";
  const std::string longest(250, 'n');
  const auto files = read_all(
      TarBuilder().file(utf8, "1").file(latin, "2").file(longest + "/" + longest, "3").done());
  REQUIRE(files.size() == 3);
  CHECK(files[0].entry.path == utf8);
  CHECK(files[1].entry.path == latin);
  CHECK(files[2].entry.path == longest + "/" + longest);
}

TEST_CASE("long names of GNU tar") {
  const std::string name(200, 'n');
  const std::string link(300, 'l');
  const std::string archive =
      raw_entry({.name = "././@LongLink", .type = 'L', .size = octal(201)}, name + '\0') +
      raw_entry({.name = "././@LongLink", .type = 'K', .size = octal(301)}, link + '\0') +
      raw_entry({.name = "short", .type = '2', .link = "short"}) + raw_end();
  const auto files = read_all(archive);
  REQUIRE(files.size() == 1);
  CHECK(files[0].entry.path == name);
  CHECK(files[0].entry.link == link);
}

TEST_CASE("extended attributes are bytes, and both kinds of keys are read") {
  const std::string binary("\0\1\2\n=\xff", 6);
  auto files =
      read_all(TarBuilder()
                   .file("f", "", {.xattrs = {{"user.b", binary}, {"security.capability", "x"}}})
                   .done());
  REQUIRE(files.size() == 1);
  const std::vector<ExtendedAttribute> expected{{"security.capability", "x"}, {"user.b", binary}};
  CHECK(files[0].entry.attributes.xattrs == expected);

  files = read_all(raw_pax({{"LIBARCHIVE.xattr.user.%61%25", "AAEC"}}) + raw_entry({.name = "f"}) +
                   raw_end());
  CHECK(files[0].entry.attributes.xattrs ==
        std::vector<ExtendedAttribute>{{"user.a%", std::string("\0\1\2", 3)}});
}

TEST_CASE("numbers larger than their fields") {
  auto files = read_all(raw_pax({{"uid", "4294967294"}, {"gid", "70000"}, {"mtime", "-1.25"}}) +
                        raw_entry({.name = "f"}) + raw_end());
  CHECK(files[0].entry.attributes.uid == 4294967294);
  CHECK(files[0].entry.attributes.gid == 70000);
  CHECK(files[0].entry.attributes.mtime == TarTime{-2, 750'000'000});

  const std::string base256("\x80\0\0\0\0\xff\xff\xff", 8);
  files = read_all(raw_entry({.name = "f", .uid = base256}) + raw_end());
  CHECK(files[0].entry.attributes.uid == 0xffffff);
}

TEST_CASE("sparse files of every kind") {
  const std::string expected = std::string(8192, '\0') + "data" + std::string(4096, '\0');
  SECTION("pax 1.0, by libarchive") {
    const auto files =
        read_all(TarBuilder().sparse("s", 12292, 8192, "data").file("t", "t").done());
    REQUIRE(files.size() == 2);
    CHECK(files[0].entry.path == "s");
    CHECK(files[0].content == expected);
    CHECK(files[1].content == "t");
  }
  SECTION("pax 0.1") {
    const auto files = read_all(raw_pax({{"GNU.sparse.size", "12292"},
                                         {"GNU.sparse.numblocks", "1"},
                                         {"GNU.sparse.name", "s"},
                                         {"GNU.sparse.map", "8192,4"}}) +
                                raw_entry({.name = "x", .size = octal(4)}, "data") + raw_end());
    CHECK(files[0].entry.path == "s");
    CHECK(files[0].content == expected);
  }
  SECTION("pax 0.0") {
    const auto files = read_all(raw_pax({{"GNU.sparse.size", "12292"},
                                         {"GNU.sparse.numblocks", "1"},
                                         {"GNU.sparse.offset", "8192"},
                                         {"GNU.sparse.numbytes", "4"}}) +
                                raw_entry({.name = "s", .size = octal(4)}, "data") + raw_end());
    CHECK(files[0].content == expected);
  }
  SECTION("GNU, with a continued map") {
    std::string header = raw_entry({.name = "s", .type = 'S', .size = octal(5)});
    std::string runs;
    for (int i = 0; i < 4; ++i) {
      runs += octal(static_cast<unsigned>(i) * 512) + '\0' + octal(1) + '\0';
    }
    header.replace(386, runs.size(), runs);
    header[482] = 1;
    header.replace(483, 11, octal(4096));
    unsigned sum = 8 * ' ';
    for (std::size_t i = 0; i < 512; ++i) {
      sum += i >= 148 && i < 156 ? 0 : static_cast<unsigned char>(header[i]);
    }
    header.replace(148, 7, octal(sum).substr(5) + '\0');
    std::string more(512, '\0');
    more.replace(0, 23, octal(4000) + '\0' + octal(1));
    const auto files = read_all(header + more + "abcde" + std::string(507, '\0') + raw_end());
    REQUIRE(files.size() == 1);
    CHECK(files[0].content.size() == 4096);
    CHECK(files[0].content[512] == 'b');
    CHECK(files[0].content[1536] == 'd');
    CHECK(files[0].content[4000] == 'e');
  }
}

TEST_CASE("inconsistent archives are refused") {
  const std::string file = raw_entry({.name = "f", .size = octal(600)}, std::string(600, 'x'));
  CHECK(failure(file + raw_end()).empty());
  CHECK(failure(file).empty());  // without an end
  CHECK(failure("").empty());
  CHECK_FALSE(failure(file.substr(0, 900)).empty());
  CHECK_FALSE(failure(file.substr(0, 100)).empty());
  std::string wrong = file;
  wrong[0] = 'g';
  CHECK(failure(wrong).find("checksum") != std::string::npos);
  CHECK_FALSE(failure(raw_entry({.name = "f", .size = "99999999999"}) + raw_end()).empty());
  CHECK_FALSE(
      failure(raw_entry({.name = "f", .size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}))
          .empty());
  CHECK_FALSE(failure(raw_entry({.name = "f", .type = 'Z'}) + raw_end()).empty());
  CHECK_FALSE(failure(raw_entry({.name = ""}) + raw_end()).empty());
  CHECK_FALSE(
      failure(raw_entry({.name = "d", .type = '3', .major = "7777777"}) + raw_end()).empty());
  CHECK_FALSE(failure(raw_entry({.name = "x", .type = 'x', .size = octal(2U << 20U)})).empty());
  CHECK_FALSE(failure(raw_entry({.name = "x", .type = 'x', .size = octal(6)}, "99 a=b") +
                      raw_entry({.name = "f"}))
                  .empty());
  CHECK_FALSE(
      failure(raw_pax({{"path", std::string("a\0b", 3)}}) + raw_entry({.name = "f"})).empty());
  CHECK_FALSE(
      failure(raw_pax({{"path", std::string(5000, 'p')}}) + raw_entry({.name = "f"})).empty());
  CHECK_FALSE(failure(raw_pax({{"size", "-1"}}) + raw_entry({.name = "f"})).empty());
  CHECK_FALSE(failure(raw_pax({{"uid", "99999999999"}}) + raw_entry({.name = "f"})).empty());
  CHECK_FALSE(failure(raw_pax({{"SCHILY.xattr.user.x", std::string(70'000, 'v')}}) +
                      raw_entry({.name = "f"}))
                  .empty());
  const std::pair<const char*, const char*> maps[] = {
      {"8,4", "9"},
      {"0,2,1,2", "9"},
      {"8,3", "20"},
      {"a,4", "20"},
      {"5", "20"},
      {"", "20"},
      {"18446744073709551615,18446744073709551615", "20"}};
  for (const auto& [map, size] : maps) {
    CAPTURE(map);
    CHECK_FALSE(failure(raw_pax({{"GNU.sparse.size", size}, {"GNU.sparse.map", map}}) +
                        raw_entry({.name = "f", .size = octal(4)}, "data") + raw_end())
                    .empty());
  }
  for (const char* map : {"1\n0\n", "99999999\n", "x\n", "1\n0\n99999999999999999999999\n"}) {
    CAPTURE(map);
    CHECK_FALSE(failure(raw_pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "20"}}) +
                        raw_entry({.name = "f", .size = octal(512)}, map) + raw_end())
                    .empty());
  }
}

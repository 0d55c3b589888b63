#include "guest/embed/initramfs.h"

#include <map>
#include <string>

#include "guest/embed/program.h"
#include "tests/support/catch.h"

using namespace bothy::guest;

namespace {

struct Entry {
  unsigned long mode;
  std::string device;
  std::string content;
};

// Reads what make_initramfs() writes, as the kernel's parser does: fields, name and content padded.
std::map<std::string, Entry> read_archive(const std::vector<std::byte>& archive) {
  std::string bytes;
  for (const std::byte byte : archive) bytes.push_back(static_cast<char>(byte));
  std::map<std::string, Entry> entries;
  const auto field = [&](std::size_t at, std::size_t number) {
    return std::stoul(bytes.substr(at + 6 + number * 8, 8), nullptr, 16);
  };
  for (std::size_t at = 0; at < bytes.size();) {
    REQUIRE(bytes.substr(at, 6) == "070701");
    const std::string name = bytes.c_str() + at + 110;
    REQUIRE(name.size() + 1 == field(at, 11));
    const std::size_t content = (at + 110 + name.size() + 1 + 3) / 4 * 4;
    const std::size_t size = field(at, 6);
    entries[name] = {field(at, 1),
                     std::to_string(field(at, 9)) + ":" + std::to_string(field(at, 10)),
                     bytes.substr(content, size)};
    at = (content + size + 3) / 4 * 4;
  }
  return entries;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("an initramfs holds program, configuration, modules and what init mounts on") {
  const Module modules[] = {{"a.ko", bytes_of("first")}, {"b.ko", bytes_of("second!")}};
  auto entries = read_archive(make_initramfs(bytes_of("program"), "config", modules));
  CHECK(entries["init"].mode == 0100755);
  CHECK(entries["init"].content == "program");
  CHECK(entries["bothy/config"].content == "config");
  CHECK(entries["bothy/modules/a.ko"].content == "first");
  CHECK(entries["bothy/modules/b.ko"].content == "second!");
  CHECK(entries["dev/console"].mode == 0020600);
  CHECK(entries["dev/console"].device == "5:1");
  for (const char* directory :
       {"dev", "bothy", "bothy/image", "bothy/scratch", "bothy/root", "bothy/modules"}) {
    CAPTURE(directory);
    CHECK(entries[directory].mode == 0040755);
  }
  CHECK(entries.contains("TRAILER!!!"));
  CHECK(entries.size() == 12);
}

TEST_CASE("an initramfs is a multiple of four bytes long, whatever is in it") {
  for (const char* config : {"", "1", "12", "123", "1234"})
    CHECK(make_initramfs(bytes_of("x"), config, {}).size() % 4 == 0);
}

TEST_CASE("the program that is embedded is an ELF executable of a reasonable size") {
  const auto program = guest_init_program();
  REQUIRE(program.size() > 1000);
  CHECK(program.size() < 102400);
  CHECK(static_cast<char>(program[1]) == 'E');
  CHECK(static_cast<char>(program[2]) == 'L');
}

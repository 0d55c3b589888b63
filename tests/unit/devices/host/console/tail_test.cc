#include "devices/host/console/tail.h"

#include "tests/support/catch.h"
#include "tests/support/character_recorder.h"

namespace bothy {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("Output is kept as far as the sink has taken it") {
  CharacterRecorder sink;
  ConsoleTail tail(sink);
  tail.write(bytes("one\ntwo\n"));
  sink.limit(2);
  CHECK(tail.try_write(bytes("three")) == 2);
  CHECK(tail.tail(2) == "two\nth");
  tail.write(bytes(std::string(1U << 20U, 'x')));
  CHECK(tail.tail(1).size() <= 2 * ConsoleTail::kCapacity);
}

TEST_CASE("The tail is the last lines, in printable characters") {
  CHECK(printable_tail("one\r\n\x1b[31mtwo\x1b[0m\r\nthree\x07\n\n", 2) == "two\nthree");
  CHECK(printable_tail("one", 5) == "one");
  CHECK(printable_tail("", 5).empty());
  CHECK(printable_tail("a\nb\nc", 1) == "c");
}

}  // namespace bothy

#include "devices/host/console/escape_filter.h"

#include "tests/support/catch.h"

namespace bothy {
namespace {

struct Filtered {
  std::string out;
  EscapeFilter::Action action;
};

Filtered filter(EscapeFilter& filter, std::string_view input) {
  std::string out;
  const auto action = filter.filter(std::as_bytes(std::span(input)), out);
  return {out, action};
}

}  // namespace

TEST_CASE("Other input passes unchanged") {
  EscapeFilter keys;
  const auto result = filter(keys, std::string_view("ls\r\0\x03\xff", 6));
  CHECK(result.out == std::string_view("ls\r\0\x03\xff", 6));
  CHECK(result.action == EscapeFilter::Action::kNone);
}

TEST_CASE("Ctrl-A x quits, also in two reads") {
  EscapeFilter keys;
  CHECK(filter(keys, "ab\x01").out == "ab");
  const auto result = filter(keys, "xcd");
  CHECK(result.action == EscapeFilter::Action::kQuit);
  CHECK(result.out.empty());
}

TEST_CASE("Ctrl-A Ctrl-A and Ctrl-A a send one Ctrl-A; other keys pass after their Ctrl-A") {
  EscapeFilter keys;
  CHECK(filter(keys, "\x01\x01").out == "\x01");
  CHECK(filter(keys,
               "\x01"
               "a")
            .out == "\x01");
  CHECK(filter(keys, "\x01z").out == "\x01z");
  CHECK(filter(keys, "x").action == EscapeFilter::Action::kNone);
  CHECK(filter(keys, "\x01h").action == EscapeFilter::Action::kHelp);
}

}  // namespace bothy

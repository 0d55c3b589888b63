#include "container/systemd/dbus_message.h"

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

std::string text_of(const std::vector<std::uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

// A message with a member's name, and a body of a text: "s".
std::string message(DBusMessage::Type type, std::string_view member, std::string_view body) {
  DBusCall call{"", "/x", "", std::string(member), "s"};
  call.body.put_text(body);
  std::string bytes = text_of(encode(call, 7));
  bytes[1] = static_cast<char>(type);
  return bytes;
}

}  // namespace

TEST_CASE("A call is encoded as the specification says") {
  DBusCall call{"", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StopUnit",
                "ss"};
  call.body.put_text("libpod-box.scope");
  call.body.put_text("replace");
  using namespace std::string_literals;
  CHECK(text_of(encode(call, 1)) ==
        "l\1\0\1$\0\0\0\1\0\0\0x\0\0\0"s
        "\1\1o\0\31\0\0\0/org/freedesktop/systemd1\0\0\0\0\0\0\0"s
        "\2\1s\0 \0\0\0org.freedesktop.systemd1.Manager\0\0\0\0\0\0\0\0"s
        "\3\1s\0\10\0\0\0StopUnit\0\0\0\0\0\0\0\0"s
        "\10\1g\0\2ss\0"s
        "\20\0\0\0libpod-box.scope\0\0\0\0\7\0\0\0replace\0"s);
}

TEST_CASE("Values are aligned, and an array's length counts no padding before it") {
  DBusWriter writer;
  writer.put_byte(1);
  writer.put_u16(2);
  const std::size_t begin = writer.begin_array(8);
  writer.align(8);
  writer.put_u64(3);
  writer.end_array(begin, 8);
  writer.put_bool(true);
  CHECK(writer.bytes() ==
        std::vector<std::uint8_t>{1, 0, 2, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0});
}

TEST_CASE("A message is decoded") {
  const std::string bytes = message(DBusMessage::Type::kError, "JobRemoved", "no such unit");
  CHECK(message_size(bytes).value() == bytes.size());
  const DBusMessage decoded = decode(bytes).value();
  CHECK(decoded.type == DBusMessage::Type::kError);
  CHECK(decoded.member == "JobRemoved");
  CHECK(decoded.signature == "s");
  CHECK(decoded.error_text() == "no such unit");
}

TEST_CASE("A message that isn't whole is waited for, and never read beyond its end") {
  const std::string bytes = message(DBusMessage::Type::kSignal, "JobRemoved", "text");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string part = bytes.substr(0, size);
    const auto needed = message_size(part);
    REQUIRE(needed);
    CHECK(needed.value().value_or(bytes.size()) == bytes.size());
    CHECK_FALSE(decode(part));
  }
}

TEST_CASE("A message with any byte changed is an error or another message") {
  const std::string bytes = message(DBusMessage::Type::kSignal, "JobRemoved", "text");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int value : {0, 1, 0x7F, 0xFF}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      const auto decoded = decode(changed);
      if (decoded) {
        CHECK(decoded.value().error_text().size() < bytes.size());
      } else {
        CHECK(decoded.error().code == ErrorCode::kBadInput);
      }
    }
  }
}

TEST_CASE("A message of more than a megabyte is refused before it is read") {
  std::string bytes = message(DBusMessage::Type::kSignal, "JobRemoved", "text");
  bytes[6] = 0x10;  // the body's length, third byte
  const auto size = message_size(bytes);
  REQUIRE_FALSE(size);
  CHECK(size.error().code == ErrorCode::kBadInput);
}

}  // namespace bothy::container

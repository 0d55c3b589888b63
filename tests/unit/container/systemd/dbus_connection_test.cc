#include "container/systemd/dbus_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/unix_listener.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::container {
namespace {

using Peer = DBusConnection::Peer;

std::string reply(DBusMessage::Type type, std::uint32_t serial, std::string_view name,
                  std::string_view text) {
  DBusWriter header;
  header.put_byte('l');
  header.put_byte(static_cast<std::uint8_t>(type));
  header.put_byte(0);
  header.put_byte(1);
  DBusWriter body;
  body.put_text(text);
  header.put_u32(static_cast<std::uint32_t>(body.bytes().size()));
  header.put_u32(1);
  const std::size_t begin = header.begin_array(8);
  const auto field = [&](std::uint8_t code, std::string_view signature) {
    header.align(8);
    header.put_byte(code);
    header.put_signature(signature);
  };
  field(5, "u");
  header.put_u32(serial);
  field(8, "g");
  header.put_signature("s");
  if (!name.empty()) {
    field(type == DBusMessage::Type::kSignal ? 3 : 4, "s");
    header.put_text(name);
  }
  header.end_array(begin, 8);
  header.align(8);
  std::string bytes(header.bytes().begin(), header.bytes().end());
  bytes.append(body.bytes().begin(), body.bytes().end());
  return bytes;
}

// A service that answers what it gets, whatever that is, with one text after the other, and then
// closes.
class Service {
 public:
  explicit Service(std::vector<std::string> answers)
      : listener_(UnixListener::bind("--test", path()).value()),
        thread_([this, answers = std::move(answers)] {
          pollfd waiting{listener_.fd(), POLLIN, 0};
          ::poll(&waiting, 1, -1);
          const UniqueFd client = listener_.accept();
          for (const std::string& answer : answers) {
            pollfd readable{client.get(), POLLIN, 0};
            ::poll(&readable, 1, -1);
            std::array<char, 4096> buffer{};
            static_cast<void>(::recv(client.get(), buffer.data(), buffer.size(), 0));
            static_cast<void>(::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
          }
        }) {}
  ~Service() { thread_.join(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] std::string path() const { return directory_.path() + "/socket"; }

 private:
  test::TemporaryDirectory directory_;
  UnixListener listener_;
  std::thread thread_;
};

const std::string kLogIn = "DATA\r\nOK 0123\r\n";

}  // namespace

TEST_CASE("A call gets its reply, and signals that come in before it are kept") {
  const Service service({kLogIn, reply(DBusMessage::Type::kSignal, 0, "Other", "x") +
                                     reply(DBusMessage::Type::kSignal, 0, "JobRemoved", "first") +
                                     reply(DBusMessage::Type::kReturn, 9, "", "of another call") +
                                     reply(DBusMessage::Type::kReturn, 1, "", "answer") +
                                     reply(DBusMessage::Type::kSignal, 0, "JobRemoved", "second")});
  auto connection = DBusConnection::connect(service.path(), Peer::kService);
  REQUIRE(connection);
  REQUIRE(connection.value().subscribe("a.b", "a.b.C", "JobRemoved"));
  const auto answer = connection.value().call({"a.b", "/a", "a.b.C", "Do", ""});
  REQUIRE(answer);
  CHECK(answer.value().error_text() == "answer");
  const auto any = [](const DBusMessage&) { return true; };
  CHECK(connection.value().wait_for(any).value().error_text() == "first");
  CHECK(connection.value().wait_for(any).value().error_text() == "second");
}

TEST_CASE("An error is a reply with a name") {
  const Service service({kLogIn, reply(DBusMessage::Type::kError, 1, "a.b.Failed", "why")});
  auto connection = DBusConnection::connect(service.path(), Peer::kService);
  REQUIRE(connection);
  const auto answer = connection.value().call({"a.b", "/a", "a.b.C", "Do", ""});
  REQUIRE(answer);
  CHECK(answer.value().type == DBusMessage::Type::kError);
  CHECK(answer.value().error_name == "a.b.Failed");
  CHECK(answer.value().error_text() == "why");
}

TEST_CASE("A service that refuses, ends or sends no D-Bus is an error") {
  struct Case {
    std::vector<std::string> answers;
    ErrorCode code;
  };
  const std::vector<Case> cases{{{"REJECTED EXTERNAL\r\n"}, ErrorCode::kPermission},
                                {{""}, ErrorCode::kSystem},
                                {{std::string(10000, 'x')}, ErrorCode::kBadInput},
                                {{kLogIn, "HTTP/1.0 400 Bad Request\r\n"}, ErrorCode::kBadInput},
                                {{kLogIn, "l"}, ErrorCode::kSystem}};
  for (const Case& each : cases) {
    const Service service(each.answers);
    auto connection = DBusConnection::connect(service.path(), Peer::kService);
    const auto code = connection
                          ? connection.value().call({"a.b", "/a", "a.b.C", "Do", ""}).error().code
                          : connection.error().code;
    CHECK(code == each.code);
  }
}

}  // namespace bothy::container

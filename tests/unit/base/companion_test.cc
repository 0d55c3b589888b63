#include "base/companion.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/socket_pair.h"
#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("A companion does on request what it was made for, with what it was given") {
  const SocketPair pair = SocketPair::create().value();
  const auto companion = Companion::start({{4, pair.theirs.get()}}, [] {
                           char request = 0;
                           if (::read(Companion::kSocket, &request, 1) == 1 && request == 'a') {
                             const std::string text = fmt::format(
                                 "{} {}", ::getsid(0) == ::getpid(), ::fcntl(5, F_GETFD) < 0);
                             static_cast<void>(!::write(4, text.data(), text.size()));
                           }
                         }).value();
  REQUIRE(::write(companion.socket(), "a", 1) == 1);
  std::array<char, 32> answer{};
  const ssize_t got = ::read(pair.ours.get(), answer.data(), answer.size());
  REQUIRE(got > 0);
  CHECK(std::string(answer.data(), static_cast<std::size_t>(got)) == "true true");
}

TEST_CASE("A companion sees the end of its maker's interest") {
  SocketPair pair = SocketPair::create().value();
  auto companion = std::optional(Companion::start({{4, pair.theirs.get()}}, [] {
                                   char request = 0;
                                   static_cast<void>(!::read(Companion::kSocket, &request, 1));
                                 }).value());
  pair.theirs.reset();
  companion.reset();
  std::array<char, 1> byte{};
  CHECK(::read(pair.ours.get(), byte.data(), byte.size()) == 0);  // the companion has ended
}

}  // namespace bothy

#include "oci/loopback_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/catch.h"

namespace bothy::oci {

TEST_CASE("Sockets that listen on loopback addresses come from another process") {
  // A port that is free: the kernel has chosen it.
  UniqueFd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(taken.get(), 1) == 0);
  REQUIRE(::getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::uint16_t port = ntohs(address.sin_port);

  const auto sockets = LoopbackSockets::start();
  REQUIRE(sockets);
  const std::size_t families = sockets.value().listen(port).size();
  CHECK(families <= 1);  // without IPv6 none is left
  taken.reset();
  const std::vector<UniqueFd> made = sockets.value().listen(port);
  REQUIRE(made.size() == families + 1);
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(UniqueFd(::accept4(made[0].get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

}  // namespace bothy::oci

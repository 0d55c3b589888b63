#include "oci/loopback_sockets.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/send_descriptors.h"
#include "sandbox/capabilities.h"

namespace bothy::oci {
namespace {

constexpr int kBacklog = 128;
constexpr std::size_t kFamilies = 2;

template <class Address>
UniqueFd listen_at(const Address& address, int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;  // connections of before that wait for their end are no hindrance
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return {};
  }
  return fd;
}

std::array<UniqueFd, kFamilies> listen_at_port(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_port = htons(port);
  address6.sin6_addr = in6addr_loopback;
  return {listen_at(address, AF_INET), listen_at(address6, AF_INET6)};
}

// What the companion does: ports in, sockets out.
void serve() {
  if (sandbox::keep_capabilities(std::uint64_t{1} << CAP_NET_BIND_SERVICE) != nullptr) {
    return;
  }
  std::uint16_t port = 0;
  while (::read(Companion::kSocket, &port, sizeof(port)) == sizeof(port)) {
    const auto sockets = listen_at_port(port);
    std::vector<int> made;
    for (const UniqueFd& socket : sockets) {
      if (socket) {
        made.push_back(socket.get());
      }
    }
    if (!send_descriptors(Companion::kSocket, made)) {
      return;
    }
  }
}

}  // namespace

Result<LoopbackSockets> LoopbackSockets::start() {
  BOTHY_TRY(Companion maker, Companion::start({}, &serve));
  return LoopbackSockets(std::move(maker));
}

std::vector<UniqueFd> LoopbackSockets::listen(std::uint16_t port) const {
  if (::send(maker_.socket(), &port, sizeof(port), MSG_NOSIGNAL) != sizeof(port)) {
    return {};
  }
  char byte = 0;
  iovec part{&byte, sizeof(byte)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kFamilies * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(maker_.socket(), &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  std::vector<UniqueFd> sockets;
  const cmsghdr* header = count == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    std::array<int, kFamilies> numbers{};
    const std::size_t size = std::min(header->cmsg_len - CMSG_LEN(0), sizeof(numbers));
    std::memcpy(numbers.data(), CMSG_DATA(header), size);
    for (std::size_t i = 0; i < size / sizeof(int); ++i) {
      sockets.emplace_back(numbers.at(i));
    }
  }
  return sockets;
}

}  // namespace bothy::oci

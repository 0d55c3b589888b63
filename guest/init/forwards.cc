#include "guest/init/forwards.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/init/config.h"
#include "guest/init/host.h"
#include "guest/init/pump.h"

namespace bothy::init {

using namespace agent;

namespace {

struct Forward {
  Endpoint host;
  Endpoint service;
  Pump in;
  Pump out;
  bool used = false;
};
Forward* forwards[kMaxConnections];  // made when needed, and kept: watches may not be freed

void close_forward(Forward& forward) {
  pump_close(forward.in);
  pump_close(forward.out);
  forward.used = false;
}

void on_done(void* owner) {
  auto& forward = *static_cast<Forward*>(owner);
  if (forward.in.done && forward.out.done) close_forward(forward);
}

// Non-blocking: one that isn't complete yet takes no bytes and has none.
int connect_to(const void* address, socklen_t size, int family) {
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, static_cast<const sockaddr*>(address), size) == 0 ||
      errno == EINPROGRESS)
    return fd;
  close(fd);
  return -1;
}

int connect_to_service(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = connect_to(&address, sizeof address, AF_INET);
  if (fd >= 0) return fd;
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_port = htons(port);
  address6.sin6_addr.s6_addr[15] = 1;
  return connect_to(&address6, sizeof address6, AF_INET6);
}

Forward* free_place() {
  for (Forward*& forward : forwards) {
    if (forward != nullptr && forward->used) continue;
    if (forward == nullptr) forward = static_cast<Forward*>(malloc(sizeof(Forward)));
    if (forward != nullptr) *forward = Forward{};
    return forward;
  }
  return nullptr;
}

// Takes ownership of both.
void join(Forward& forward, int host, int service) {
  forward.used = true;
  endpoint_open(forward.host, host, Endpoint::kSocket);
  endpoint_open(forward.service, service, Endpoint::kSocket);
  forward.in.on_done = forward.out.on_done = on_done;
  forward.in.owner = forward.out.owner = &forward;
  if (!pump_open(forward.in, forward.host, forward.service) ||
      !pump_open(forward.out, forward.service, forward.host)) {
    endpoint_close(forward.host);
    endpoint_close(forward.service);
    close_forward(forward);
  }
}

}  // namespace

// Where no service answers, the host learns of it by the end of the stream.
void start_forward(uint32_t number, Text content) {
  Connect request;
  if (!take_value(content, request)) return;
  const int host = begin_connect();
  if (host < 0) return;
  Forward* forward = free_place();
  const int service =
      forward != nullptr ? connect_to_service(static_cast<uint16_t>(request.port)) : -1;
  if (!finish_stream(host, number, 0, request.token) || service < 0) {
    close(host);
    if (service >= 0) close(service);
    return;
  }
  join(*forward, host, service);
}

}  // namespace bothy::init

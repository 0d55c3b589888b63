// TCP over the subject's own loopback interface.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

struct Server {
  int listener = -1;
  uint16_t port = 0;
  pid_t child = -1;
};

// A child that hands each connection to `handle`.
bool start(Server& server, void (*handle)(int connection)) {
  raise_loopback();
  server.listener = listen_at(INADDR_LOOPBACK, &server.port);
  if (server.listener < 0) {
    return false;
  }
  server.child = fork();
  if (server.child == 0) {
    _exit(handle_all(server.listener, handle));
  }
  return server.child > 0;
}

void stop(Server& server) {
  if (server.child > 0) {
    kill(server.child, 9);
    waitpid(server.child, nullptr, 0);
  }
  close(server.listener);
}

void echo(int connection) {
  send_at_once(connection);
  char byte = 0;
  while (read(connection, &byte, 1) == 1 && write(connection, &byte, 1) == 1) {
  }
}

char buffer[65536];

void swallow(int connection) {
  while (read(connection, buffer, sizeof buffer) > 0) {
  }
}

// An operation is one byte there and back.
int64_t latency(int64_t count) {
  Server server;
  int connection = -1;
  int64_t taken = -1;
  if (start(server, echo) && (connection = connect_loopback(server.port)) >= 0) {
    char byte = 0;
    bool good = true;
    const int64_t begin = now();
    for (int64_t i = 0; i < count && good; ++i) {
      good = write(connection, &byte, 1) == 1 && read(connection, &byte, 1) == 1;
    }
    taken = good ? now() - begin : -1;
    close(connection);
  }
  stop(server);
  return taken;
}

// Operations are bytes, until the receiver has all of them.
int64_t throughput(int64_t count) {
  Server server;
  int connection = -1;
  int64_t taken = -1;
  if (start(server, swallow) && (connection = connect_loopback(server.port)) >= 0) {
    bool good = true;
    const int64_t begin = now();
    for (int64_t left = count; left > 0 && good;) {
      const size_t size =
          left < static_cast<int64_t>(sizeof buffer) ? static_cast<size_t>(left) : sizeof buffer;
      const ssize_t written = write(connection, buffer, size);
      good = written > 0;
      left -= written;
    }
    char byte = 0;
    good = shutdown(connection, SHUT_WR) == 0 && read(connection, &byte, 1) == 0 && good;
    taken = good ? now() - begin : -1;
    close(connection);
  }
  stop(server);
  return taken;
}

int64_t connections(int64_t count) {
  Server server;
  int64_t taken = -1;
  if (start(server, [](int) {})) {
    bool good = true;
    const int64_t begin = now();
    for (int64_t i = 0; i < count && good; ++i) {
      const int connection = connect_loopback(server.port);
      char byte = 0;
      good = connection >= 0 && read(connection, &byte, 1) == 0;
      close(connection);
    }
    taken = good ? now() - begin : -1;
  }
  stop(server);
  return taken;
}

}  // namespace

void raise_loopback() {
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  strcpy(request.ifr_name, "lo");
  if (ioctl(socket_fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) == 0) {
    request.ifr_flags |= IFF_UP;
    ioctl(socket_fd, SIOCSIFFLAGS, &request);
  }
  close(socket_fd);
}

void send_at_once(int connection) {
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int listen_at(uint32_t address, uint16_t* port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in bound{};
  bound.sin_family = AF_INET;
  bound.sin_port = htons(*port);
  bound.sin_addr.s_addr = htonl(address);
  socklen_t size = sizeof bound;
  auto* generic = reinterpret_cast<sockaddr*>(&bound);
  if (listener < 0 || bind(listener, generic, size) != 0 || listen(listener, 128) != 0 ||
      getsockname(listener, generic, &size) != 0) {
    close(listener);
    return -1;
  }
  *port = ntohs(bound.sin_port);
  return listener;
}

int connect_loopback(uint16_t port) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  send_at_once(connection);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(connection);
    return -1;
  }
  return connection;
}

int handle_all(int listener, void (*handle)(int connection)) {
  for (;;) {
    const int connection = accept(listener, nullptr, nullptr);
    if (connection >= 0) {
      handle(connection);
      close(connection);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return fail("accept");
    }
  }
}

int serve_with(const char* port, void (*handle)(int connection)) {
  end_with_signals();
  auto number = static_cast<uint16_t>(to_count(port));
  const int listener = listen_at(INADDR_ANY, &number);
  if (listener < 0) {
    return fail("listen");
  }
  say("listening\n");
  return handle_all(listener, handle);
}

extern const Measure kNetworkMeasures[] = {{"tcp-latency", latency, 1},
                                           {"tcp-throughput", throughput, 65536},
                                           {"tcp-connect", connections, 1},
                                           {nullptr, nullptr, 0}};

}  // namespace bothy::probe

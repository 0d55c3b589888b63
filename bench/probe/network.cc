// TCP between two probes, one on either side of a subject's wall.
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

// A connection's first byte says what answer() does with it.
constexpr char kEcho = 'e';
constexpr char kSwallow = 's';
constexpr char kSend = 'g';
constexpr char kClose = 'c';

char buffer[65536];
uint16_t other_end;

void handle(int connection) {
  send_at_once(connection);
  char mode = 0;
  ssize_t count = read(connection, &mode, 1);
  if (count == 1 && mode == kEcho) {
    while ((count = read(connection, buffer, sizeof buffer)) > 0 &&
           write(connection, buffer, static_cast<size_t>(count)) == count) {
    }
  } else if (count == 1 && mode == kSwallow) {
    while (read(connection, buffer, sizeof buffer) > 0) {
    }
  } else if (count == 1 && mode == kSend) {
    while (write(connection, buffer, sizeof buffer) > 0) {
    }
  }
}

int connect_for(char mode) {
  const int connection = connect_loopback(other_end);
  if (connection >= 0 && write(connection, &mode, 1) != 1) {
    close(connection);
    return -1;
  }
  return connection;
}

// Whether the other end has ended the connection, after nothing more.
bool ended(int connection) {
  char byte = 0;
  return read(connection, &byte, 1) == 0;
}

bool round_trips(int connection, int64_t count) {
  char byte = 0;
  for (; count > 0; --count) {
    if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1) {
      return false;
    }
  }
  return true;
}

// Runs `body` on a connection; the nanoseconds that it took, or -1.
template <class Body>
int64_t timed(char mode, Body body) {
  const int connection = connect_for(mode);
  if (connection < 0) {
    return -1;
  }
  const int64_t start = now();
  const bool good = body(connection);
  const int64_t taken = good ? now() - start : -1;
  close(connection);
  return taken;
}

// An operation is one byte there and back.
int64_t latency(int64_t count) {
  return timed(kEcho, [&](int connection) { return round_trips(connection, count); });
}

// Operations are bytes, until the other end has all of them.
int64_t send_bytes(int64_t count) {
  return timed(kSwallow, [&](int connection) {
    for (int64_t left = count; left > 0;) {
      const size_t size =
          left < static_cast<int64_t>(sizeof buffer) ? static_cast<size_t>(left) : sizeof buffer;
      const ssize_t written = write(connection, buffer, size);
      if (written <= 0) {
        return false;
      }
      left -= written;
    }
    return shutdown(connection, SHUT_WR) == 0 && ended(connection);
  });
}

// Operations are bytes.
int64_t receive_bytes(int64_t count) {
  return timed(kSend, [&](int connection) {
    for (int64_t left = count; left > 0;) {
      const ssize_t received = read(connection, buffer, sizeof buffer);
      if (received <= 0) {
        return false;
      }
      left -= received;
    }
    return true;
  });
}

// An operation is a connection, a byte on it, and its end by the other side.
int64_t connections(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    const int connection = connect_for(kClose);
    const bool good = connection >= 0 && ended(connection);
    close(connection);
    if (!good) {
      return -1;
    }
  }
  return now() - start;
}

// Until the other end answers: a network between may not be up yet. What is measured afterwards
// has no first packet in it.
bool await_other_end() {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    const int connection = connect_for(kEcho);
    const bool answered = connection >= 0 && round_trips(connection, 1);
    close(connection);
    if (answered) {
      return true;
    }
    usleep(50000);
  }
  return false;
}

}  // namespace

int answer(const char* port) {
  return serve_with(port, handle);
}

int network(const char* port, char* names, const char* repetitions, const char* milliseconds) {
  signal(SIGPIPE, SIG_IGN);
  other_end = static_cast<uint16_t>(to_count(port));
  pid_t child = -1;
  if (other_end == 0) {
    raise_loopback();
    const int listener = listen_at(INADDR_LOOPBACK, &other_end);
    if (listener < 0) {
      return fail("listen");
    }
    child = fork();
    if (child == 0) {
      _exit(handle_all(listener, handle));
    }
  }
  const int status =
      await_other_end() ? inside(names, repetitions, milliseconds) : fail("no answer");
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  return status;
}

extern const Measure kPathMeasures[] = {{"latency", latency, 1},
                                        {"to-instance", send_bytes, 65536},
                                        {"from-instance", receive_bytes, 65536},
                                        {"connections", connections, 1},
                                        {nullptr, nullptr, 0}};

}  // namespace bothy::probe

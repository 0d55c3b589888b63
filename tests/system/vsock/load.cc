// What a guest runs in tests/system/vsock.sh where socat would take a process for each stream.
//
//   load connect COUNT PORT   opens COUNT streams to a port of the host, which echoes; all are open
//                             at once
//   load serve PORT           echoes on a port, until it is killed
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

sockaddr_vm address_of(unsigned cid, unsigned port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return address;
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void connect_many(int count, unsigned port) {
  const sockaddr_vm address = address_of(VMADDR_CID_HOST, port);
  std::vector<int> streams;
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0 ||
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      die("connect");
    }
    streams.push_back(fd);
  }
  for (int i = 0; i < count; ++i) {
    const std::string text = std::to_string(i);
    if (::write(streams[i], text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      die("write");
    }
  }
  for (int i = 0; i < count; ++i) {
    const std::string text = std::to_string(i);
    std::string answer;
    while (answer.size() < text.size()) {
      char piece[16];
      const ssize_t got = ::read(streams[i], piece, sizeof(piece));
      if (got <= 0) {
        die("read");
      }
      answer.append(piece, static_cast<std::size_t>(got));
    }
    if (answer != text) {
      std::fprintf(stderr, "stream %d answered %s\n", i, answer.c_str());
      std::exit(1);
    }
  }
  for (const int fd : streams) {
    ::close(fd);
  }
}

[[noreturn]] void serve(unsigned port) {
  const int listener = ::socket(AF_VSOCK, SOCK_STREAM, 0);
  const sockaddr_vm address = address_of(VMADDR_CID_ANY, port);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 1024) != 0) {
    die("listen");
  }
  std::vector<pollfd> polled{{listener, POLLIN, 0}};
  for (;;) {
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      die("poll");
    }
    for (std::size_t i = polled.size(); i-- > 1;) {
      if (polled[i].revents == 0) {
        continue;
      }
      char piece[4096];
      const ssize_t got = ::read(polled[i].fd, piece, sizeof(piece));
      if (got <= 0 || ::write(polled[i].fd, piece, static_cast<std::size_t>(got)) != got) {
        ::close(polled[i].fd);
        polled.erase(polled.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (polled[0].revents != 0) {
      polled.push_back({::accept(listener, nullptr, nullptr), POLLIN, 0});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit files{8192, 8192};
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (argc == 4 && std::strcmp(argv[1], "connect") == 0) {
    connect_many(std::atoi(argv[2]), static_cast<unsigned>(std::atoi(argv[3])));
    return 0;
  }
  if (argc == 3 && std::strcmp(argv[1], "serve") == 0) {
    serve(static_cast<unsigned>(std::atoi(argv[2])));
  }
  std::fprintf(stderr, "usage: load connect COUNT PORT | load serve PORT\n");
  return 2;
}

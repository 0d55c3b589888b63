#include "guest/init/host.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/init/text.h"

namespace bothy::init {

using namespace agent;

namespace {

constexpr int kPatienceMs = 10000;
HostState state = HostState::kUnknown;

struct __attribute__((packed)) FirstFrame {
  Frame frame;
  Opening opening;
};

bool send(int fd, const FirstFrame& opening) {
  // The socket buffer of a new stream always has room.
  return write(fd, &opening, sizeof opening) == static_cast<ssize_t>(sizeof opening);
}

// The connection is usually complete by now: poll only if it isn't.
bool finish(int fd, const FirstFrame& opening) {
  if (send(fd, opening)) return true;
  if (errno != ENOTCONN && errno != EAGAIN) return false;
  pollfd wait{fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  if (poll(&wait, 1, kPatienceMs) != 1) {
    errno = ETIMEDOUT;
    return false;
  }
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return false;
  errno = error;
  return error == 0 && send(fd, opening);
}

bool means_no_device(int error) {
  return error == EAFNOSUPPORT || error == ENODEV || error == ENETUNREACH ||
         error == ESOCKTNOSUPPORT;
}

}  // namespace

HostState host_state() {
  return state;
}

int begin_connect() {
  const int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_HOST;
  address.svm_port = kPort;
  const bool begun =
      fd >= 0 && (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
                  errno == EINPROGRESS);
  if (state == HostState::kUnknown)
    state = begun || !means_no_device(errno) ? HostState::kThere : HostState::kNone;
  if (begun || fd < 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool finish_control(int fd) {
  return finish(fd, {{sizeof(Opening), kHello, 0, 0}, {kVersion, 0, 0}});
}

bool finish_stream(int fd, uint32_t process, uint32_t stream, uint64_t token) {
  return finish(fd, {{sizeof(Opening), kStream, 0, process}, {stream, 0, token}});
}

}  // namespace bothy::init

#include "guest/init/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/init/control.h"
#include "guest/init/host.h"
#include "guest/init/tar.h"

namespace bothy::init {

using namespace agent;

namespace {

constexpr size_t kMaxCopies = 16;  // at a time

struct Copy {
  pid_t pid = 0;
  uint32_t number = 0;
  CopyResult* result = nullptr;  // memory that the process shares with init
};
Copy copies[kMaxCopies];

void answer(uint32_t number, int error, Text message) {
  control_send_message(kCopied, number, error, message);
}

[[noreturn]] void run(Type type, int stream, const char* path, CopyResult& result) {
  // Streams of other processes must not stay open here: their readers wait for the end of file.
  syscall(SYS_close_range, 3, stream - 1, 0);
  syscall(SYS_close_range, stream + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  fcntl(stream, F_SETFL, 0);
  if (type == kCopyIn) {
    unpack_tar(stream, path, result);
  } else {
    pack_tar(stream, path, result);
  }
  shutdown(stream, SHUT_RDWR);
  _exit(0);
}

Copy* free_place() {
  for (Copy& copy : copies) {
    if (copy.pid == 0) return &copy;
  }
  return nullptr;
}

// Returns an errno, or 0 when the copy has started.
int begin(Type type, Copy& copy, uint64_t token, const char* path) {
  const int stream = begin_connect();
  if (stream < 0 || !finish_stream(stream, copy.number, type == kCopyIn ? 0 : 1, token)) {
    const int error = errno;
    if (stream >= 0) close(stream);
    return error;
  }
  void* memory =
      mmap(nullptr, sizeof(CopyResult), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  copy.result = memory != MAP_FAILED ? static_cast<CopyResult*>(memory) : nullptr;
  copy.pid = copy.result != nullptr ? fork() : -1;
  if (copy.pid == 0) run(type, stream, path, *copy.result);
  const int error = errno;
  close(stream);
  if (copy.pid > 0) return 0;
  if (copy.result != nullptr) munmap(memory, sizeof(CopyResult));
  copy = Copy{};
  return error;
}

}  // namespace

void start_copy(Type type, uint32_t number, Text content) {
  uint64_t token = 0;
  if (content.size < sizeof token)
    return answer(number, EPROTO, "invalid copy request: expected a token and a path");
  memcpy(&token, content.data, sizeof token);
  const CString name(Text(content.data + sizeof token, content.size - sizeof token));
  Copy* copy = free_place();
  if (copy == nullptr) return answer(number, EAGAIN, "too many copies at the same time");
  if (name.get()[0] != '/') return answer(number, EINVAL, "a copy needs an absolute path");
  copy->number = number;
  const int error = begin(type, *copy, token, name.get());
  if (error != 0) answer(number, error, "can't start the copy");
}

void look(uint32_t number, Text path) {
  struct {
    int32_t error;
    uint32_t mode;
    char path[PATH_MAX];
  } seen{};
  size_t size = offsetof(decltype(seen), path);
  const int fd = openat(AT_FDCWD, CString(path).get(), O_PATH | O_CLOEXEC);
  struct stat status;
  ssize_t length = -1;
  if (fd >= 0 && fstat(fd, &status) == 0) {
    Line link;
    link.add("/proc/self/fd/").add_number(static_cast<uint64_t>(fd));
    length = readlink(link.string(), seen.path, sizeof seen.path);
  }
  if (length < 0) {
    seen.error = errno;
  } else {
    seen.mode = status.st_mode;
    size += static_cast<size_t>(length);
  }
  if (fd >= 0) close(fd);
  control_send(kSeen, number, &seen, size);
}

void copy_ended(pid_t pid, int status) {
  for (Copy& copy : copies) {
    if (copy.pid != pid) continue;
    const bool whole = WIFEXITED(status);
    answer(copy.number, whole ? copy.result->error : EINTR,
           whole ? copy.result->message.text() : "the copy was killed");
    munmap(copy.result, sizeof(CopyResult));
    copy = Copy{};
  }
}

}  // namespace bothy::init

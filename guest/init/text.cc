#include "guest/init/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bothy::init {
namespace {

bool to_kernel_log = false;

}  // namespace

Text Text::cut(char separator) {
  const void* found = size > 0 ? memchr(data, separator, size) : nullptr;
  const size_t length =
      found != nullptr ? static_cast<size_t>(static_cast<const char*>(found) - data) : size;
  const Text front(data, length);
  const size_t taken = found != nullptr ? length + 1 : length;
  data += taken;
  size -= taken;
  return front;
}

bool Text::number(uint64_t& value, uint64_t limit) const {
  if (size == 0) return false;
  uint64_t result = 0;
  for (size_t i = 0; i < size; ++i) {
    if (data[i] < '0' || data[i] > '9') return false;
    const auto digit = static_cast<uint64_t>(data[i] - '0');
    if (result > (limit - digit) / 10 || digit > limit) return false;
    result = result * 10 + digit;
  }
  value = result;
  return true;
}

CString::CString(Text text) : copy_(nullptr) {
  if (text.has('\0')) return;
  copy_ = static_cast<char*>(malloc(text.size + 1));
  if (copy_ == nullptr) return;
  if (text.size > 0) memcpy(copy_, text.data, text.size);
  copy_[text.size] = '\0';
}

CString::~CString() {
  free(copy_);
}

Line& Line::add(Text text) {
  for (size_t i = 0; i < text.size && used_ < sizeof buffer_ - 1; ++i)
    buffer_[used_++] = text.data[i];
  return *this;
}

Line& Line::add_number(uint64_t number) {
  char reversed[20];
  size_t count = 0;
  do {
    reversed[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) add(Text(&reversed[--count], 1));
  return *this;
}

const char* Line::string() {
  buffer_[used_] = '\0';
  return buffer_;
}

const char* error_text(int error) {
  // musl: "Symbolic link loop"
  return error == ELOOP ? "Too many levels of symbolic links" : strerror(error);
}

void say(Text text) {
  Line line;
  // At the level "critical", which quiet kernels print too.
  line.add(to_kernel_log ? "<2>" : "").add("bothy-init: ").add(text);
  line.add(to_kernel_log ? "\n" : "\r\n");
  write_all(2, line.text().data, line.text().size);
}

void say_to_kernel_log() {
  to_kernel_log = true;
}

// openat() is used everywhere: musl's open() makes a second system call for O_CLOEXEC, for kernels
// before 2.6.23.
Text read_file(const char* path, size_t limit) {
  // O_NONBLOCK: a FIFO in the image must not block init.
  const int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return {};
  // Files of /proc have no size: the buffer grows as it fills.
  size_t room = 0;
  size_t used = 0;
  char* buffer = nullptr;
  for (;;) {
    if (used == room) {
      room = room == 0 ? 16384 : room * 2;
      char* larger = static_cast<char*>(realloc(buffer, room));
      if (larger == nullptr) break;
      buffer = larger;
      if (used > limit) break;
    }
    const ssize_t got = read(fd, buffer + used, room - used);
    if (got == 0) {
      close(fd);
      return {buffer, used};
    }
    if (got < 0) break;
    used += static_cast<size_t>(got);
  }
  const int error = used > limit ? EFBIG : errno;
  close(fd);
  free(buffer);
  errno = error;
  return {};
}

bool write_all(int fd, const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t wrote = write(fd, bytes, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return true;
}

}  // namespace bothy::init

#include "devices/host/disk/disk_ring.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <vector>

#include "base/event_fd.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_file.h"

namespace bothy {
namespace {

// The result of one operation.
int result_of(io_uring& ring, const std::function<void(io_uring_sqe*)>& prepare) {
  io_uring_sqe* sqe = ::io_uring_get_sqe(&ring);
  REQUIRE(sqe != nullptr);
  prepare(sqe);
  REQUIRE(::io_uring_submit_and_wait(&ring, 1) == 1);
  io_uring_cqe* cqe = nullptr;
  REQUIRE(::io_uring_peek_cqe(&ring, &cqe) == 0);
  const int result = cqe->res;
  ::io_uring_cqe_seen(&ring, cqe);
  return result;
}

class Ring {
 public:
  explicit Ring(bool restricted) {
    const std::array files{file.fd(), event.fd()};
    if (restricted) {
      error = open_disk_ring(8, files, ring);
    } else {
      REQUIRE(::io_uring_queue_init(8, &ring, 0) == 0);
      REQUIRE(::io_uring_register_files(&ring, files.data(), files.size()) == 0);
    }
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (error == 0) {
      ::io_uring_queue_exit(&ring);
    }
  }

  test::TemporaryFile file{8192};
  EventFd event = EventFd::create().value();
  io_uring ring{};
  int error = 0;
};

constexpr int kFile = 0;
constexpr int kEvent = 1;

}  // namespace

TEST_CASE("a disk's ring does what a disk needs") {
  Ring disk(true);
  if (disk.error == -ENOSYS || disk.error == -EPERM) {
    WARN("no io_uring here");
    return;
  }
  REQUIRE(disk.error == 0);
  std::array<char, 4> bytes{'d', 'a', 't', 'a'};
  iovec vector{bytes.data(), bytes.size()};
  const auto fixed = [](io_uring_sqe* sqe) { sqe->flags |= IOSQE_FIXED_FILE; };
  using Sqe = io_uring_sqe*;
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_write(sqe, kFile, bytes.data(), bytes.size(), 0);
          fixed(sqe);
        }) == 4);
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_writev(sqe, kFile, &vector, 1, 4);
          fixed(sqe);
        }) == 4);
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_read(sqe, kFile, bytes.data(), bytes.size(), 4);
          fixed(sqe);
        }) == 4);
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_readv(sqe, kFile, &vector, 1, 4);
          fixed(sqe);
        }) == 4);
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_fsync(sqe, kFile, IORING_FSYNC_DATASYNC);
          fixed(sqe);
        }) == 0);
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_fallocate(sqe, kFile, 0, 0, 8192);
          fixed(sqe);
        }) == 0);
  disk.event.signal();
  CHECK(result_of(disk.ring, [&](Sqe sqe) {
          ::io_uring_prep_poll_add(sqe, kEvent, POLLIN);
          fixed(sqe);
        }) == POLLIN);
}

TEST_CASE("a disk's ring does nothing else, as another ring would") {
  Ring disk(true);
  Ring other(false);
  if (disk.error == -ENOSYS || disk.error == -EPERM) {
    return;
  }
  std::array<char, 4> bytes{};
  const test::TemporaryFile foreign(4096);
  using Sqe = io_uring_sqe*;
  const std::vector<std::function<void(Sqe)>> attempts{
      [&](Sqe sqe) { ::io_uring_prep_read(sqe, foreign.fd(), bytes.data(), bytes.size(), 0); },
      [&](Sqe sqe) { ::io_uring_prep_write(sqe, foreign.fd(), bytes.data(), bytes.size(), 0); },
      [](Sqe sqe) { ::io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0); },
      [](Sqe sqe) {
        ::io_uring_prep_openat(sqe, kFile, "/etc/passwd", O_RDONLY, 0);
        sqe->flags |= IOSQE_FIXED_FILE;
      },
      [](Sqe sqe) { ::io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0); },
      [](Sqe sqe) { ::io_uring_prep_unlinkat(sqe, AT_FDCWD, "/nonexistent", 0); },
      [](Sqe sqe) { ::io_uring_prep_nop(sqe); },
  };
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    INFO(i);
    CHECK(result_of(disk.ring, attempts[i]) == -EACCES);
    CHECK(result_of(other.ring, attempts[i]) != -EACCES);
  }
  const int fd = foreign.fd();
  CHECK(::io_uring_register_files_update(&disk.ring, kEvent, &fd, 1) == -EACCES);
  CHECK(::io_uring_register_files_update(&other.ring, kEvent, &fd, 1) == 1);
  CHECK(::io_uring_unregister_files(&disk.ring) == -EACCES);
}

TEST_CASE("closed rings leave nothing registered with their thread") {
  // A thread has 16 places for rings' descriptors: more rings than that must find one.
  unsigned first = 0;  // liburing's INT_FLAG_REG_RING, where the kernel has such places
  for (int i = 0; i < 40; ++i) {
    Ring disk(true);
    if (disk.error == -ENOSYS || disk.error == -EPERM) {
      return;
    }
    REQUIRE(disk.error == 0);
    first = i == 0 ? disk.ring.int_flags & 1U : first;
    CHECK((disk.ring.int_flags & 1U) == first);
  }
}

}  // namespace bothy

// Disks on a host without io_uring.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <thread>

#include "tests/support/log_capture.h"
#include "tests/unit/devices/virtio/block/block_rig.h"

namespace bothy::virtio {
namespace {

// Makes io_uring_setup(2) fail in the calling thread and in the threads that it starts.
bool forbid_io_uring() {
  std::array filter{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
                    sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
                    sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{filter.size(), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("A guest that resets the disk again and again can't flood the log") {
  constexpr std::size_t kStarts = 200;
  const test::LogCapture log;
  bool forbidden = false;
  std::thread([&] {
    forbidden = forbid_io_uring();
    BlockRig rig({.engine = IoEngineKind::kUring, .packed = false});
    for (std::size_t i = 0; i < kStarts; ++i) {
      rig.start();
      rig.stop();
    }
  }).join();
  REQUIRE(forbidden);
  CHECK(log.lines() > 0);
  CHECK(log.lines() < kStarts / 2);  // the burst and a line a second
}

}  // namespace bothy::virtio

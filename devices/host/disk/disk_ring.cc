#include "devices/host/disk/disk_ring.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace bothy {
namespace {

// Linux 5.13, which also has multishot poll.
constexpr unsigned kNeeded = IORING_FEAT_RSRC_TAGS | IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;

// From the best down: completions are processed when the thread enters the kernel, and don't
// interrupt it. Without IORING_SETUP_DEFER_TASKRUN: as of Linux 6.13, a thread that waits with it
// gets one completion of all that are available.
constexpr std::array kSetups{
    unsigned{IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN},  // Linux 6.0
    unsigned{IORING_SETUP_COOP_TASKRUN},                               // 5.19
    0U,
};

constexpr std::array kOperations{
    IORING_OP_READ,  IORING_OP_READV,     IORING_OP_WRITE,    IORING_OP_WRITEV,
    IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_POLL_ADD,
};

int set_up(unsigned entries, io_uring& ring) noexcept {
  int error = 0;
  for (const unsigned flags : kSetups) {
    io_uring_params parameters{};
    parameters.flags = flags | IORING_SETUP_R_DISABLED;
    error = ::io_uring_queue_init_params(entries, &ring, &parameters);
    if (error == 0 && (parameters.features & kNeeded) != kNeeded) {
      ::io_uring_queue_exit(&ring);
      return -ENOSYS;
    }
    if (error != -EINVAL) {
      break;
    }
  }
  return error;
}

// liburing 2.3 declares functions for these two, and exports none.
int register_with(const io_uring& ring, unsigned what, const void* argument,
                  std::size_t count) noexcept {
  return ::syscall(SYS_io_uring_register, ring.ring_fd, what, argument, count) < 0 ? -errno : 0;
}

int restrict(io_uring& ring) noexcept {
  std::array<io_uring_restriction, kOperations.size() + 2> restrictions{};
  for (std::size_t i = 0; i < kOperations.size(); ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = kOperations[i];
  }
  io_uring_restriction& flags = restrictions[kOperations.size()];
  flags.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
  flags.sqe_flags = IOSQE_FIXED_FILE;
  // io_uring_queue_exit() gives back what io_uring_register_ring_fd() took.
  io_uring_restriction& end = restrictions[kOperations.size() + 1];
  end.opcode = IORING_RESTRICTION_REGISTER_OP;
  end.register_op = IORING_UNREGISTER_RING_FDS;
  return register_with(ring, IORING_REGISTER_RESTRICTIONS, restrictions.data(),
                       restrictions.size());
}

}  // namespace

int open_disk_ring(unsigned entries, std::span<const int> files, io_uring& ring) noexcept {
  int error = set_up(entries, ring);
  if (error != 0) {
    return error;
  }
  error = ::io_uring_register_files(&ring, files.data(), static_cast<unsigned>(files.size()));
  if (error == 0) {
    // Saves a look-up of the ring's descriptor in each call. Optional.
    static_cast<void>(::io_uring_register_ring_fd(&ring));
    error = restrict(ring);
  }
  if (error == 0) {
    error = register_with(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  }
  if (error != 0) {
    ::io_uring_queue_exit(&ring);
  }
  return error;
}

}  // namespace bothy

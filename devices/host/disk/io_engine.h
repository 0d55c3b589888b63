// IoEngine: how one thread has many reads and writes of a disk under way at once.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/event_fd.h"
#include "base/result.h"

namespace bothy {

// What is read from and written to. Borrowed: outlives the engine.
struct IoTarget {
  int fd = -1;
  bool block_device = false;
  bool cached = false;  // by the host's page cache: not opened for direct I/O
};

// One thing to do, owned by who asks for it, and not to be touched while it is under way.
struct IoOperation {
  enum class Kind : std::uint8_t {
    kRead,
    kWrite,
    kFlush,      // what was written before is on stable storage
    kDiscard,    // its content isn't needed any more
    kZero,       // reads as zeros, with its blocks kept
    kZeroUnmap,  // reads as zeros, with its blocks given back
  };

  Kind kind = Kind::kRead;
  bool durable = false;            // of a write: on stable storage once it is done
  std::span<const iovec> buffers;  // of reads and writes: up to UIO_MAXIOV
  std::uint64_t offset = 0;        // bytes, like length
  std::uint64_t length = 0;        // of kDiscard, kZero and kZeroUnmap
  std::int64_t result = 0;         // bytes moved, fewer than asked for perhaps; or -errno
  IoOperation* next = nullptr;     // the engine's
};

// Belongs to one thread, the one that created it, from then on. Whoever uses it waits for each
// operation before the engine goes.
class IoEngine {
 public:
  using Clock = std::chrono::steady_clock;

  // What a thread waits for beside its operations.
  struct Bells {
    const EventFd& kick;
    const EventFd& stop;
  };
  struct Rung {
    bool kick = false;
    bool stop = false;
  };

  IoEngine() = default;
  IoEngine(const IoEngine&) = delete;
  IoEngine& operator=(const IoEngine&) = delete;
  virtual ~IoEngine() = default;

  // Queues it: the host hears of it at the next wait() at the latest.
  virtual void submit(IoOperation& operation) noexcept = 0;

  // Waits until an operation is done, a bell was rung, or it is `until`; one that has passed makes
  // it not wait at all. Appends to `done` what is done. A bell may be reported without reason.
  virtual Rung wait(std::vector<IoOperation*>& done,
                    std::optional<Clock::time_point> until) noexcept = 0;
};

enum class IoEngineKind { kUring, kThreads };

// The best kind that this host lets us have, and in `why` what speaks against io_uring.
[[nodiscard]] IoEngineKind choose_io_engine(std::string& why);

// At most `depth` operations are under way at once.
[[nodiscard]] Result<std::unique_ptr<IoEngine>> make_io_engine(IoEngineKind kind,
                                                               const IoTarget& target,
                                                               const IoEngine::Bells& bells,
                                                               unsigned depth);

// Does it at once, on the calling thread. The result is the operation's.
[[nodiscard]] std::int64_t perform_io(const IoTarget& target,
                                      const IoOperation& operation) noexcept;

// The mode of fallocate(2) that does a kDiscard, kZero or kZeroUnmap.
[[nodiscard]] int fallocate_mode(IoOperation::Kind kind) noexcept;

}  // namespace bothy

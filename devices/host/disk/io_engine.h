// IoEngine: asynchronous reads and writes of a disk by one thread.
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

// The disk of an engine. The descriptor outlives the engine.
struct IoTarget {
  int fd = -1;
  bool block_device = false;
  bool cached = false;  // by the host's page cache: not opened for direct I/O
  bool writable = true;
};

// One operation, owned by its submitter, who leaves it alone until it is done.
struct IoOperation {
  enum class Kind : std::uint8_t {
    kRead,
    kWrite,
    kFlush,      // earlier writes reach stable storage
    kDiscard,    // the content becomes undefined
    kZero,       // reads as zeros, blocks stay allocated
    kZeroUnmap,  // reads as zeros, blocks are deallocated
  };

  Kind kind = Kind::kRead;
  bool durable = false;            // of a write: on stable storage once it is done
  std::span<const iovec> buffers;  // of reads and writes: up to UIO_MAXIOV
  std::uint64_t offset = 0;        // bytes, like length
  std::uint64_t length = 0;        // of kDiscard, kZero and kZeroUnmap
  std::int64_t result = 0;         // bytes moved, possibly fewer than requested; or -errno
  IoOperation* next = nullptr;     // for the engine
};

// Belongs to the thread that created it, which waits for all operations before it destroys the
// engine. It serves one run of a device after another, each of which ends with the event `stop`,
// and opens nothing once it is created.
class IoEngine {
 public:
  using Clock = std::chrono::steady_clock;

  // Events that wait() waits for besides operations, and which of them have occurred. Both outlive
  // the engine; `stop` stays signalled until the run has ended.
  struct Wakeups {
    const EventFd& kick;
    const EventFd& stop;
  };
  struct WakeReason {
    bool kick = false;
    bool stop = false;
  };

  IoEngine() = default;
  IoEngine(const IoEngine&) = delete;
  IoEngine& operator=(const IoEngine&) = delete;
  virtual ~IoEngine() = default;

  // A run begins, and the one before has ended. Not needed for the first.
  virtual void restart() noexcept = 0;

  // Queues the operation; the host receives it with the next wait() at the latest.
  virtual void submit(IoOperation& operation) noexcept = 0;

  // Waits until an operation is done, an event has occurred, or it is `until`, which may have
  // passed. Appends completed operations to `done`. Events may be reported spuriously.
  virtual WakeReason wait(std::vector<IoOperation*>& done,
                          std::optional<Clock::time_point> until) noexcept = 0;
};

enum class IoEngineKind { kUring, kThreads };

// The best kind that this host supports; `why` is set to the reason why io_uring can't be used.
[[nodiscard]] IoEngineKind choose_io_engine(std::string& why);

// At most `depth` operations are in flight at once.
[[nodiscard]] Result<std::unique_ptr<IoEngine>> make_io_engine(IoEngineKind kind,
                                                               const IoTarget& target,
                                                               const IoEngine::Wakeups& wakeups,
                                                               unsigned depth);

// Performs the operation synchronously. Returns IoOperation::result.
[[nodiscard]] std::int64_t perform_io(const IoTarget& target,
                                      const IoOperation& operation) noexcept;

// The mode of fallocate(2) for kDiscard, kZero and kZeroUnmap.
[[nodiscard]] int fallocate_mode(IoOperation::Kind kind) noexcept;

}  // namespace bothy

// Isolation: runs the processes of an instance; the seam between its owner and the kinds
// of isolation. An Owner drives one Isolation and knows nothing of what is behind it.
//
//   starter's process   IsolationKind::prepare -> PreparedIsolation::prepare_instance
//   owner's process     PreparedIsolation::make -> Isolation::start ... shut_down ... close
//
// A kind of isolation is a folder of its own (run/vm/) and one line of kIsolations
// (run/isolations/table.cc).
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "image/store/store.h"
#include "run/instance.h"
#include "run/run_options.h"
#include "run/run_spec.h"
#include "run/timeline.h"
#include "sandbox/filters.h"

namespace bothy::run {

// A path inside an instance, links followed.
struct PathInfo {
  int error_number = 0;    // errno of the look-up; 0 when the path exists
  std::uint32_t mode = 0;  // as of stat()
  std::string path;        // without links
};

// Resources that an instance has used or has.
struct Statistics {
  std::uint64_t cpu_ns = 0;            // CPU time since the start, in nanoseconds
  std::uint64_t memory_total = 0;      // bytes
  std::uint64_t memory_available = 0;  // bytes
  std::uint64_t processes = 0;
  std::uint64_t read_bytes = 0;     // from disks
  std::uint64_t written_bytes = 0;  // to disks
};

// What an isolation reports to its owner: on the owner's executor, from within a call of the
// isolation or not. Numbers of processes may be any: the inside of an instance is not trusted.
// Messages are printable text.
class IsolationEvents {
 public:
  IsolationEvents() = default;
  IsolationEvents(const IsolationEvents&) = delete;
  IsolationEvents& operator=(const IsolationEvents&) = delete;
  virtual ~IsolationEvents() = default;

  virtual void on_started(std::uint32_t process) = 0;
  // `error_number` is an errno value, from which the exit status follows; `message` is complete.
  virtual void on_not_started(std::uint32_t process, int error_number,
                              const std::string& message) = 0;
  // The owner's end of a process's stream: 0 stdin or the terminal, 1 stdout, 2 stderr. A copy
  // into the instance has stream 0, one out of it stream 1.
  virtual void on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream) = 0;
  // `wait_status` is as of waitpid().
  virtual void on_exited(std::uint32_t process, int wait_status) = 0;
  // `error_number` is 0 for a copy that is complete; otherwise `message` names what failed, and the
  // owner adds the errno's text.
  virtual void on_copied(std::uint32_t copy, int error_number, const std::string& message) = 0;
  virtual void on_path_info(std::uint32_t request, const PathInfo& info) = 0;
  virtual void on_statistics(const Statistics& statistics) = 0;
  // The TCP ports, in any order, on which processes of a microVM listen, where it was asked for
  // them (GuestParts).
  virtual void on_ports(std::span<const std::uint16_t> /*ports*/) {}
  // The isolation takes no requests any more. on_ended() follows.
  virtual void on_disconnected(const std::string& message) = 0;
  // The instance can't go on. on_ended() follows.
  virtual void on_failed(const std::string& message) = 0;
  // Once: nothing of the instance runs any more, and all of its output has been sent. `reason`
  // says what that means when the first process hadn't ended.
  virtual void on_ended(const std::string& reason) = 0;
};

// How urgent the end of an instance is.
enum class Shutdown {
  kOrderly,    // what was written to volumes is written to the host first
  kImmediate,  // the processes ignore signals, or were given all the time that they had
};

// All functions are for the thread of the owner's executor. Functions without a result answer by
// IsolationEvents, or, when the isolation is disconnected, not at all.
//
//   [made] -- start() --> [running] -- shut_down(), or by itself --> [ended] -- close()
class Isolation {
 public:
  Isolation() = default;
  Isolation(const Isolation&) = delete;
  Isolation& operator=(const Isolation&) = delete;
  virtual ~Isolation() = default;

  // Starts the first process, number 0. After a failure nothing runs and no event follows.
  [[nodiscard]] virtual Result<void> start() = 0;
  // kInvalid, with the reason, while no request but signals can be served.
  [[nodiscard]] virtual Result<void> check_connected() const = 0;

  // kInvalid for a process that can't be described to the isolation, such as one of too many
  // arguments.
  [[nodiscard]] virtual Result<void> start_process(std::uint32_t process,
                                                   const ProcessSpec& spec) = 0;
  // Signals to the first process that come before it runs are delivered when it does.
  virtual void signal(std::uint32_t process, int signal) = 0;
  virtual void resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) = 0;
  // The process or copy has ended for the owner: its late streams are dropped.
  virtual void forget(std::uint32_t process) = 0;

  [[nodiscard]] virtual Result<void> pause() = 0;
  [[nodiscard]] virtual Result<void> resume() = 0;

  // kUnsupported where nothing counts them.
  [[nodiscard]] virtual Result<void> request_statistics() = 0;
  virtual void request_path_info(std::uint32_t request, const std::string& path) = 0;
  // A tar archive, unpacked in `directory`, or made of `path`.
  virtual void copy_in(std::uint32_t copy, const std::string& directory) = 0;
  virtual void copy_out(std::uint32_t copy, const std::string& path) = 0;

  // Ends every process; on_ended() follows, or comes from within. Harmless when it has ended.
  virtual void shut_down(Shutdown urgency) = 0;
  // Ends every process and waits for that; no event comes from then on. Lets go of the image, so
  // that it can be removed from the store.
  virtual void close() noexcept = 0;
};

struct IsolationContext {
  boost::asio::io_context& executor;
  Clock& clock;  // of timers
  IsolationEvents& events;
  Timeline& timeline;
  const RunOptions& options;
  const ProcessSpec& process;  // the first one
  const Instance& instance;
};

// What the starter has found out and opened for one instance; the owner's process inherits it.
class PreparedIsolation {
 public:
  PreparedIsolation() = default;
  PreparedIsolation(const PreparedIsolation&) = delete;
  PreparedIsolation& operator=(const PreparedIsolation&) = delete;
  virtual ~PreparedIsolation() = default;

  // In the starter's process: files in the instance's directories.
  [[nodiscard]] virtual Result<void> prepare_instance(const Instance& instance) = 0;
  // What the main thread of the owner's process may do while the instance runs; nothing where this
  // isolation's owner can't be confined. The isolation closes the doors (sandbox/confinement.h)
  // when it starts.
  [[nodiscard]] virtual std::optional<sandbox::Role> owner_role() const { return std::nullopt; }
  // In the owner's process, once. Everything in `context` outlives the isolation.
  [[nodiscard]] virtual Result<std::unique_ptr<Isolation>> make(
      const IsolationContext& context) = 0;
};

struct PrepareContext {
  const RunOptions& options;
  const image::Store& store;
  const image::Image& image;
  const image::Progress& progress;
};

// A flag of `bothy run` that only one kind of isolation has.
struct IsolationFlag {
  enum class Form : std::uint8_t {
    kValue,   // the last one given counts
    kValues,  // all count
    kSwitch,  // no value
  };
  std::string_view name;        // "--kernel"
  std::string_view value_name;  // "FILE"
  std::string_view help;
  Form form = Form::kValue;
};

struct IsolationKind {
  std::string_view name;  // of --isolation
  std::string_view help;
  std::span<const IsolationFlag> flags;
  // Checks the options as far as that needs no file: kInvalid.
  Result<void> (*validate)(const RunOptions& options);
  // In the starter's process, before the instance exists.
  Result<std::unique_ptr<PreparedIsolation>> (*prepare)(const PrepareContext& context);
  // Ends and removes what an instance whose owner was killed has left beside its directories. Null:
  // nothing. An instance that has left nothing, or is of another kind, is no error.
  Result<void> (*clear_lost)(const Instance& instance) = nullptr;
};

}  // namespace bothy::run

// Workload: a process or a copy of an instance as its owner sees it: streams, clients, end.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd_watch.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "run/log_file.h"

namespace bothy::run {

// A client that is attached to a process.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  virtual void on_output(Stream stream, std::span<const std::byte> bytes) = 0;
  // A full listener stops the process's output until Workload::listener_has_room().
  [[nodiscard]] virtual bool is_full() const = 0;
  // The process has taken the input that was too much at once.
  virtual void on_input_room() = 0;
  // The last call. `code` is as of a shell; `error` is a failure of bothy itself, or empty.
  virtual void on_end(int code, const std::string& error) = 0;
};

struct WorkloadEnd {
  int code = 0;
  std::string error;
};

// For the executor's thread. Ends once the process has exited and all its output has been read. A
// listener or OnEnd may let go of the workload that calls it.
class Workload : public std::enable_shared_from_this<Workload> {
 public:
  // The streams that the process has.
  struct Setup {
    bool terminal = false;  // stream 0 carries input and output, and there is no other
    bool input = false;
    bool output = true;
    bool error = true;
    LogFile* log = nullptr;  // outlives the workload
  };
  using OnEnd = std::function<void(const WorkloadEnd&)>;

  Workload(boost::asio::io_context& executor, Clock& clock, Setup setup, OnEnd on_end);

  // The owner's end of stream `index`: 0 stdin or the terminal, 1 stdout, 2 stderr; a socket, a
  // pipe or a terminal, which becomes non-blocking. An unexpected or a second one is closed.
  void set_stream(std::uint32_t index, UniqueFd fd);
  void set_exited(int wait_status);
  // Ends the workload at once: it never ran, or nothing more will be known of it.
  void fail(int code, std::string error);

  void attach(Listener& listener);
  void detach(Listener& listener);
  void listener_has_room();
  // From now on a full listener doesn't stop the output: what it misses is in the log only.
  void hurry();

  // Takes all bytes for stdin. False: the caller sends no more until on_input_room().
  bool input(std::span<const std::byte> bytes);
  void end_input();

  [[nodiscard]] bool has_ended() const noexcept { return end_.has_value(); }
  [[nodiscard]] bool is_terminal() const noexcept { return setup_.terminal; }

 private:
  struct Channel {
    std::optional<FdWatch> stream;
    bool done = false;  // at its end, or not expected
  };

  void wait_to_read(std::size_t index);
  void on_readable(std::size_t index);
  void write();
  void wait_to_write();
  void on_writable();
  void on_written();
  void close_input();
  void check_end();
  [[nodiscard]] bool is_blocked() const;

  boost::asio::io_context& executor_;
  const Setup setup_;
  const OnEnd on_end_;
  std::array<Channel, 3> channels_;
  // Not initialised: pages that no output has filled take no memory.
  const std::unique_ptr<std::byte[]> buffer_;
  std::set<Listener*> listeners_;
  std::vector<std::byte> incoming_;  // for stdin
  std::vector<std::byte> writing_;
  std::size_t written_ = 0;  // of writing_
  bool input_ended_ = false;
  bool input_full_ = false;
  bool hurried_ = false;
  Timer stream_timer_;
  std::optional<int> wait_status_;
  std::optional<WorkloadEnd> end_;
};

}  // namespace bothy::run

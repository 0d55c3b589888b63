// Workload: a process of an instance as its owner sees it: its streams, who listens to them, its
// end.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "guest/protocol/agent.h"
#include "run/log_file.h"

namespace bothy::run {

// Somebody who is attached to a process.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  virtual void on_output(Stream stream, std::span<const std::byte> bytes) = 0;
  // Has no room: the process waits until told by Workload::listener_has_room().
  [[nodiscard]] virtual bool is_full() const = 0;
  // Input that was too much at once has been taken.
  virtual void on_input_room() = 0;
  // The last call. `code` is as a shell has it; `words` say what failed when bothy itself did.
  virtual void on_end(int code, const std::string& words) = 0;
};

struct WorkloadEnd {
  int code = 0;
  std::string words;
};

// The executor's alone. Its end is told once the process has ended and all it wrote has been read.
class Workload : public std::enable_shared_from_this<Workload> {
 public:
  struct Setup {
    bool terminal = false;
    bool input = false;       // it has a stdin
    bool output = true;       // a stdout,
    bool error = true;        // and a stderr
    LogFile* log = nullptr;   // outlives it
    std::uint64_t token = 0;  // that its streams carry
  };
  using OnEnd = std::function<void(const WorkloadEnd&)>;

  Workload(boost::asio::io_context& executor, Setup setup, OnEnd on_end);

  // A stream has come up: 0 stdin or the terminal, 1 stdout, 2 stderr. One that wasn't expected, or
  // has another token, is closed.
  void set_stream(const agent::Opening& opening, UniqueFd fd);
  void set_exited(int wait_status);
  // It never ran, or its guest is gone: whatever is known is the end.
  void fail(int code, std::string words);

  void attach(Listener& listener);
  void detach(Listener& listener);
  void listener_has_room();
  // Nobody who has no room is waited for any more: what they miss is in the log only.
  void hurry();

  // Bytes for its stdin; they are taken, but the caller sends no more until on_input_room() when
  // this is false.
  bool input(std::span<const std::byte> bytes);
  void end_input();

  [[nodiscard]] bool has_ended() const noexcept { return end_.has_value(); }
  [[nodiscard]] bool is_terminal() const noexcept { return setup_.terminal; }

 private:
  struct Channel {
    std::optional<boost::asio::posix::stream_descriptor> socket;
    bool done = false;  // its end was reached, or there is none
    bool reading = false;
    std::vector<std::byte> buffer;
  };

  void read(std::size_t index);
  void write();
  void check_end();
  [[nodiscard]] bool is_blocked() const;

  boost::asio::io_context& executor_;
  const Setup setup_;
  const OnEnd on_end_;
  std::array<Channel, 3> channels_;
  std::set<Listener*> listeners_;
  std::vector<std::byte> incoming_;  // for stdin
  std::vector<std::byte> writing_;
  bool input_ended_ = false;
  bool input_full_ = false;
  bool hurried_ = false;
  boost::asio::steady_timer patience_;
  std::optional<int> wait_status_;
  std::optional<WorkloadEnd> end_;
};

}  // namespace bothy::run

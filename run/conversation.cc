#include "run/conversation.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/unix_listener.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"
#include "run/frame.h"
#include "run/held_signals.h"
#include "run/requests.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

constexpr std::size_t kBufferSize = 32U << 10U;
constexpr char kCtrlP = 0x10;
constexpr char kCtrlQ = 0x11;
// So many SIGINTs or SIGTERMs, each at most kMaxInterval after the one before, kill the process.
constexpr int kKillCount = 3;
constexpr std::chrono::seconds kMaxInterval{3};

TerminalSize client_terminal_size() noexcept {
  return terminal_size(::isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : STDOUT_FILENO);
}

// All but those that have an effect of their own in this process.
sigset_t forwarded_signals() noexcept {
  sigset_t all{};
  sigfillset(&all);
  for (const int own :
       {SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPIPE, SIGTTIN, SIGTTOU}) {
    sigdelset(&all, own);
  }
  return all;
}

// SIGWINCH, SIGCONT and the signals that would end the client, or all, as a descriptor.
class Signals {
 public:
  explicit Signals(bool all) : wanted_(all ? forwarded_signals() : ending_signals()) {
    sigaddset(&wanted_, SIGWINCH);
    sigaddset(&wanted_, SIGCONT);
    pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
    fd_ = UniqueFd(::signalfd(-1, &wanted_, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // The next signal; 0 when there is none.
  [[nodiscard]] int take() const noexcept {
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo)
                                                                  : 0;
  }

 private:
  sigset_t wanted_;
  sigset_t before_{};
  UniqueFd fd_;
};

class Conversation {
 public:
  Conversation(int socket, const ConversationOptions& options)
      : socket_(socket), options_(options), signals_(options.stands_in) {}

  Result<Outcome> run();

 private:
  void send(std::uint16_t type, std::span<const std::byte> bytes);
  void flush();
  void send_size();
  void read_stdin();
  void on_signal();
  [[nodiscard]] bool demands_kill(int signal);
  void kill(int signal);
  bool on_socket();  // false at its end
  void take_frames();
  void on_output(int fd, std::span<const std::byte> bytes);
  void write_output();
  void on_frame(const FrameHeader& frame, std::span<const std::byte> bytes);
  [[nodiscard]] bool types_detach_keys(std::span<const char> typed);

  const int socket_;
  const ConversationOptions options_;
  const Signals signals_;
  std::optional<RawTerminal> terminal_;
  std::vector<std::byte> unsent_;
  std::vector<std::byte> received_;
  // Output being written: frames wait for that, signals do not.
  std::vector<std::byte> unwritten_;
  std::size_t written_ = 0;  // bytes of unwritten_
  int output_ = -1;          // the descriptor for unwritten_
  std::set<int> broken_;     // descriptors that can't be written any more
  std::size_t room_ = kInputWindow;
  std::optional<Outcome> outcome_;
  bool reading_ = true;  // stdin
  bool left_ = false;
  bool after_ctrl_p_ = false;
  int ending_signals_ = 0;  // SIGINT and SIGTERM in a row
  std::chrono::steady_clock::time_point last_ending_signal_;
  UniqueFd killer_;  // the connection with the request to kill the process
};

Result<Outcome> Conversation::run() {
  BOTHY_TRY(set_nonblocking(socket_));
  reading_ = options_.input;
  if (options_.terminal && options_.input) {
    terminal_ = RawTerminal::enter(STDIN_FILENO, RawTerminal::Output::kAsIs);
  }
  if (options_.terminal) {
    send_size();
  }
  while (!left_) {
    // A socket that isn't read isn't polled for input: its end would wake the loop over and over.
    const bool receives = unwritten_.empty();
    std::array<pollfd, 4> waits{{
        {receives || !unsent_.empty() ? socket_ : -1,
         static_cast<short>((receives ? POLLIN : 0) | (unsent_.empty() ? 0 : POLLOUT)), 0},
        {signals_.fd(), POLLIN, 0},
        {reading_ && room_ > 0 ? STDIN_FILENO : -1, POLLIN, 0},
        {receives ? -1 : output_, POLLOUT, 0},
    }};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      return errno_error("can't wait for the instance's output");
    }
    if (waits[1].revents != 0) {
      on_signal();
    }
    if (waits[2].revents != 0) {
      read_stdin();
    }
    flush();
    if (waits[3].revents != 0) {
      write_output();
    } else if (receives && (waits[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !on_socket()) {
      break;
    }
  }
  if (!outcome_) {
    return make_error(ErrorCode::kSystem,
                      "the instance's owner ended without reporting an exit status");
  }
  return *outcome_;
}

void Conversation::send(std::uint16_t type, std::span<const std::byte> bytes) {
  const auto frame = frame_of(type, bytes);
  unsent_.insert(unsent_.end(), frame.begin(), frame.end());
}

void Conversation::flush() {
  while (!unsent_.empty()) {
    const ssize_t count = ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      if (errno != EAGAIN) {
        unsent_.clear();  // the next read finds the end
      }
      return;
    }
    unsent_.erase(unsent_.begin(), unsent_.begin() + count);
  }
}

void Conversation::send_size() {
  const TerminalSize size = client_terminal_size();
  if (size != TerminalSize{}) {
    const std::array both{size.columns, size.rows};
    send(kResize, std::as_bytes(std::span(both)));
  }
}

bool Conversation::types_detach_keys(std::span<const char> typed) {
  for (const char key : typed) {
    if (after_ctrl_p_ && key == kCtrlQ) {
      return true;
    }
    after_ctrl_p_ = key == kCtrlP;
  }
  return false;
}

void Conversation::read_stdin() {
  std::array<char, kBufferSize> piece;
  const ssize_t count = ::read(STDIN_FILENO, piece.data(), std::min(piece.size(), room_));
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return;
  }
  if (count <= 0) {
    reading_ = false;
    return send(kInputEnd, {});
  }
  const auto typed = std::span(piece).first(static_cast<std::size_t>(count));
  if (terminal_ && !options_.stands_in && types_detach_keys(typed)) {
    left_ = true;
    outcome_ = Outcome{kDetached, {}, {}};
    return;
  }
  room_ -= typed.size();
  send(kInput, std::as_bytes(typed));
}

void Conversation::on_signal() {
  for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
    if (signal == SIGWINCH || (signal == SIGCONT && !options_.stands_in)) {
      if (terminal_ && signal == SIGCONT) {
        terminal_->reapply();
      }
      if (options_.terminal) {
        send_size();
      }
      continue;
    }
    const std::int32_t number = signal;
    if (demands_kill(signal)) {
      kill(signal);
    } else {
      send(kSignal, std::as_bytes(std::span(&number, 1)));
    }
  }
}

bool Conversation::demands_kill(int signal) {
  if (options_.stands_in || (signal != SIGINT && signal != SIGTERM)) {
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  ending_signals_ =
      now - std::exchange(last_ending_signal_, now) <= kMaxInterval ? ending_signals_ + 1 : 1;
  return ending_signals_ >= kKillCount;
}

// By a connection of its own: the owner may never read what has been sent on this one.
void Conversation::kill(int signal) {
  if (auto socket = connect_unix(options_.kill_by); socket && !killer_) {
    killer_ = std::move(socket).value();
    const auto text = json::serialize(encode_request(StopRequest{0}));
    if (send_frame(killer_.get(), kRequest, std::as_bytes(std::span(text)))) {
      unwritten_.clear();  // no reader is waited for either
      return take_frames();
    }
  }
  left_ = true;
  if (!outcome_) {
    outcome_ =
        Outcome{128 + signal, "the process didn't end on the signal and was left running", {}};
  }
}

bool Conversation::on_socket() {
  std::array<std::byte, kBufferSize> piece;
  const ssize_t count = ::recv(socket_, piece.data(), piece.size(), 0);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return true;
  }
  if (count <= 0) {
    return false;
  }
  received_.insert(received_.end(), piece.begin(), piece.begin() + count);
  take_frames();
  return true;
}

void Conversation::take_frames() {
  std::size_t at = 0;
  while (unwritten_.empty() && received_.size() - at >= sizeof(FrameHeader)) {
    FrameHeader frame{};
    std::memcpy(&frame, received_.data() + at, sizeof(frame));
    if (received_.size() - at - sizeof(frame) < frame.length) {
      break;
    }
    on_frame(frame, std::span(received_).subspan(at + sizeof(frame), frame.length));
    at += sizeof(frame) + frame.length;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Conversation::on_output(int fd, std::span<const std::byte> bytes) {
  if (!killer_ && !broken_.contains(fd)) {
    unwritten_.assign(bytes.begin(), bytes.end());
    written_ = 0;
    output_ = fd;
  }
}

// At most PIPE_BUF bytes: poll() promises no more room than that.
void Conversation::write_output() {
  const auto piece = std::span(unwritten_).subspan(written_);
  const ssize_t count =
      ::write(output_, piece.data(), std::min<std::size_t>(piece.size(), PIPE_BUF));
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return;
  }
  if (count < 0) {
    const std::int32_t signal = SIGPIPE;
    if (errno == EPIPE && options_.detach_on_broken_output) {
      left_ = true;
      outcome_ = Outcome{128 + signal, {}, {}};
    } else if (errno == EPIPE) {
      // As if the process itself had written to the broken pipe.
      send(kSignal, std::as_bytes(std::span(&signal, 1)));
    } else {
      log(LogLevel::kWarning, "can't write the process's {}: {}",
          output_ == STDERR_FILENO ? "stderr" : "stdout", std::strerror(errno));
    }
    broken_.insert(output_);
    unwritten_.clear();
  } else {
    written_ += static_cast<std::size_t>(count);
  }
  if (!left_ && written_ >= unwritten_.size()) {
    unwritten_.clear();
    take_frames();
  }
}

void Conversation::on_frame(const FrameHeader& frame, std::span<const std::byte> bytes) {
  if (frame.type == kOutput) {
    on_output(frame.process == 2 ? STDERR_FILENO : STDOUT_FILENO, bytes);
  } else if (frame.type == kInputRoom && bytes.size() >= sizeof(std::uint32_t)) {
    std::uint32_t taken = 0;
    std::memcpy(&taken, bytes.data(), sizeof(taken));
    room_ += taken;
  } else if (frame.type == kEnded && bytes.size() >= sizeof(std::int32_t)) {
    std::int32_t code = 0;
    std::memcpy(&code, bytes.data(), sizeof(code));
    const auto error = bytes.subspan(sizeof(code));
    outcome_ = Outcome{code, {reinterpret_cast<const char*>(error.data()), error.size()}, {}};
    reading_ = false;
  } else if (frame.type == kTimeline && outcome_) {
    outcome_->timeline.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

}  // namespace

bool write_out(int fd, std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EAGAIN) {
      pollfd room{fd, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (count < 0 && errno != EINTR) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  return true;
}

void take_terminal_size(ProcessOptions& options) {
  const TerminalSize size = client_terminal_size();
  if (options.terminal && size != TerminalSize{}) {
    options.columns = size.columns;
    options.rows = size.rows;
  }
}

Result<Outcome> converse(const UniqueFd& socket, const ConversationOptions& options) {
  return Conversation(socket.get(), options).run();
}

}  // namespace bothy::run

#include "run/client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "base/json_fields.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/unix_listener.h"
#include "guest/protocol/agent.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"
#include "run/held_signals.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

constexpr std::size_t kPiece = 32 * 1024;
constexpr char kCtrlP = 0x10;
constexpr char kCtrlQ = 0x11;
// SIGINT or SIGTERM this often, each soon after the one before: the process doesn't heed them.
constexpr int kInsistence = 3;
constexpr std::chrono::seconds kInARow{3};

TerminalSize own_size() noexcept {
  return terminal_size(::isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : STDOUT_FILENO);
}

// SIGWINCH, SIGCONT, and what would end us, as a descriptor.
class Signals {
 public:
  explicit Signals(bool all) {
    if (all) {
      wanted_ = ending_signals();
    } else {
      sigemptyset(&wanted_);
    }
    sigaddset(&wanted_, SIGWINCH);
    sigaddset(&wanted_, SIGCONT);
    pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
    fd_ = UniqueFd(::signalfd(-1, &wanted_, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // The next one; 0 when there is none.
  [[nodiscard]] int take() const noexcept {
    signalfd_siginfo info{};
    return ::read(fd_.get(), &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo)
                                                                  : 0;
  }

 private:
  sigset_t wanted_{};
  sigset_t before_{};
  UniqueFd fd_;
};

class Talk {
 public:
  Talk(int socket, const Conversation& conversation)
      : socket_(socket), conversation_(conversation), signals_(conversation.signals) {}

  Result<Outcome> run();

 private:
  void send(std::uint16_t type, std::span<const std::byte> bytes);
  void flush();
  void send_size();
  void read_stdin();
  void on_signal();
  [[nodiscard]] bool insists(int signal);
  void kill(int signal);
  bool on_socket();  // false at its end
  void take_frames();
  void on_output(int fd, std::span<const std::byte> bytes);
  void write_output();
  void on_frame(const agent::Frame& frame, std::span<const std::byte> bytes);
  [[nodiscard]] bool leaves(std::span<const char> typed);

  const int socket_;
  const Conversation conversation_;
  const Signals signals_;
  std::optional<RawTerminal> terminal_;
  std::vector<std::byte> unsent_;
  std::vector<std::byte> received_;
  // Output on its way: nothing is received meanwhile, and signals are.
  std::vector<std::byte> unwritten_;
  std::size_t written_ = 0;  // of it
  int output_ = -1;          // where it goes
  std::set<int> broken_;     // where nothing goes any more
  std::size_t room_ = kInputWindow;
  std::optional<Outcome> outcome_;
  bool reading_ = true;  // stdin
  bool left_ = false;
  bool after_ctrl_p_ = false;
  int asked_ = 0;  // to end, in a row
  std::chrono::steady_clock::time_point asked_last_;
  UniqueFd killer_;  // the connection by which it is to be killed
};

Result<Outcome> Talk::run() {
  ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
  reading_ = conversation_.input;
  if (conversation_.terminal && conversation_.input) {
    terminal_ = RawTerminal::enter(STDIN_FILENO, RawTerminal::Output::kAsIs);
  }
  if (conversation_.terminal) {
    send_size();
  }
  while (!left_) {
    // A socket that isn't to be read isn't waited for: its end would be told again and again.
    const bool hears = unwritten_.empty();
    std::array<pollfd, 4> waits{{
        {hears || !unsent_.empty() ? socket_ : -1,
         static_cast<short>((hears ? POLLIN : 0) | (unsent_.empty() ? 0 : POLLOUT)), 0},
        {signals_.fd(), POLLIN, 0},
        {reading_ && room_ > 0 ? STDIN_FILENO : -1, POLLIN, 0},
        {hears ? -1 : output_, POLLOUT, 0},
    }};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      return errno_error("can't wait");
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
    } else if (hears && (waits[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !on_socket()) {
      break;
    }
  }
  if (!outcome_) {
    return make_error(ErrorCode::kSystem, "the process that ran it has died");
  }
  return *outcome_;
}

void Talk::send(std::uint16_t type, std::span<const std::byte> bytes) {
  const auto frame = frame_of(type, bytes);
  unsent_.insert(unsent_.end(), frame.begin(), frame.end());
}

void Talk::flush() {
  while (!unsent_.empty()) {
    const ssize_t count = ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      if (errno != EAGAIN) {
        unsent_.clear();  // its end is what is read next
      }
      return;
    }
    unsent_.erase(unsent_.begin(), unsent_.begin() + count);
  }
}

void Talk::send_size() {
  const TerminalSize size = own_size();
  if (size != TerminalSize{}) {
    const std::array both{size.columns, size.rows};
    send(kResize, std::as_bytes(std::span(both)));
  }
}

bool Talk::leaves(std::span<const char> typed) {
  for (const char key : typed) {
    if (after_ctrl_p_ && key == kCtrlQ) {
      return true;
    }
    after_ctrl_p_ = key == kCtrlP;
  }
  return false;
}

void Talk::read_stdin() {
  std::array<char, kPiece> piece;
  const ssize_t count = ::read(STDIN_FILENO, piece.data(), std::min(piece.size(), room_));
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return;
  }
  if (count <= 0) {
    reading_ = false;
    return send(kInputEnd, {});
  }
  const auto typed = std::span(piece).first(static_cast<std::size_t>(count));
  if (terminal_ && leaves(typed)) {
    left_ = true;
    outcome_ = Outcome{kDetached, {}, {}};
    return;
  }
  room_ -= typed.size();
  send(kInput, std::as_bytes(typed));
}

void Talk::on_signal() {
  for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
    if (signal == SIGWINCH || signal == SIGCONT) {
      if (terminal_ && signal == SIGCONT) {
        terminal_->reapply();
      }
      if (conversation_.terminal) {
        send_size();
      }
      continue;
    }
    const std::int32_t number = signal;
    if (insists(signal)) {
      kill(signal);
    } else {
      send(kSignal, std::as_bytes(std::span(&number, 1)));
    }
  }
}

bool Talk::insists(int signal) {
  if (signal != SIGINT && signal != SIGTERM) {
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  asked_ = now - std::exchange(asked_last_, now) <= kInARow ? asked_ + 1 : 1;
  return asked_ >= kInsistence;
}

// By a connection of its own, since what has been sent here may never be read.
void Talk::kill(int signal) {
  if (auto socket = connect_unix(conversation_.api); socket && !killer_) {
    killer_ = std::move(socket).value();
    const auto text = json::serialize(json::object{{"verb", "stop"}, {"timeout", 0}});
    if (send_frame(killer_.get(), kRequest, std::as_bytes(std::span(text)))) {
      unwritten_.clear();  // nor is it to wait for a reader
      return take_frames();
    }
  }
  left_ = true;
  if (!outcome_) {
    outcome_ = Outcome{128 + signal, "it doesn't heed signals, and was left alone", {}};
  }
}

bool Talk::on_socket() {
  std::array<std::byte, kPiece> piece;
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

void Talk::take_frames() {
  std::size_t at = 0;
  while (unwritten_.empty() && received_.size() - at >= sizeof(agent::Frame)) {
    agent::Frame frame{};
    std::memcpy(&frame, received_.data() + at, sizeof(frame));
    if (received_.size() - at - sizeof(frame) < frame.length) {
      break;
    }
    on_frame(frame, std::span(received_).subspan(at + sizeof(frame), frame.length));
    at += sizeof(frame) + frame.length;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Talk::on_output(int fd, std::span<const std::byte> bytes) {
  if (!killer_ && !broken_.contains(fd)) {
    unwritten_.assign(bytes.begin(), bytes.end());
    written_ = 0;
    output_ = fd;
  }
}

// As much as can't block: poll's promise is for no more.
void Talk::write_output() {
  const auto piece = std::span(unwritten_).subspan(written_);
  const ssize_t count =
      ::write(output_, piece.data(), std::min<std::size_t>(piece.size(), PIPE_BUF));
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return;
  }
  if (count < 0) {
    const std::int32_t signal = SIGPIPE;
    if (errno == EPIPE && conversation_.visits) {
      left_ = true;
      outcome_ = Outcome{128 + signal, {}, {}};
    } else if (errno == EPIPE) {
      // As if it had written there itself: what it makes of it is its own affair.
      send(kSignal, std::as_bytes(std::span(&signal, 1)));
    } else {
      log(LogLevel::kWarning, "its {} can't be written: {}",
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

void Talk::on_frame(const agent::Frame& frame, std::span<const std::byte> bytes) {
  if (frame.type == kOutput) {
    on_output(frame.process == 2 ? STDERR_FILENO : STDOUT_FILENO, bytes);
  } else if (frame.type == kInputRoom && bytes.size() >= sizeof(std::uint32_t)) {
    std::uint32_t taken = 0;
    std::memcpy(&taken, bytes.data(), sizeof(taken));
    room_ += taken;
  } else if (frame.type == kEnded && bytes.size() >= sizeof(std::int32_t)) {
    std::int32_t code = 0;
    std::memcpy(&code, bytes.data(), sizeof(code));
    const auto words = bytes.subspan(sizeof(code));
    outcome_ = Outcome{code, {reinterpret_cast<const char*>(words.data()), words.size()}, {}};
    reading_ = false;
  } else if (frame.type == kTimeline && outcome_) {
    outcome_->timeline.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

}  // namespace

Result<UniqueFd> connect(const Instance& instance) {
  auto socket = connect_unix(instance.api_path());
  if (socket) {
    return socket;
  }
  BOTHY_TRY(const State state, instance.state());
  return make_error(ErrorCode::kNotFound, "it doesn't run: it is {}", to_string(state.status));
}

Result<json::value> ask(int socket, const json::object& request) {
  const std::string text = json::serialize(request);
  BOTHY_TRY(send_frame(socket, kRequest, std::as_bytes(std::span(text))));
  return hear(socket);
}

Result<json::value> hear(int socket) {
  BOTHY_TRY(const ReceivedFrame frame, receive_frame(socket));
  if (frame.type != kAnswer) {
    return make_error(ErrorCode::kSystem, "its owner speaks another protocol");
  }
  BOTHY_TRY(const json::object object, parse_own_object(frame.bytes, "the answer"));
  const json::value* ok = object.if_contains("ok");
  if (ok == nullptr || !ok->is_bool() || !ok->get_bool()) {
    const JsonFields fields(object, "the answer");
    BOTHY_TRY(const std::string error, fields.text("error"));
    return make_error(ErrorCode::kInvalid, "{}", error);
  }
  const json::value* result = object.if_contains("result");
  return result != nullptr ? *result : json::value();
}

Result<Outcome> start_outcome(const json::value& answer) {
  const json::object* object = answer.if_object();
  if (object == nullptr) {
    return make_error(ErrorCode::kSystem, "its owner speaks another protocol");
  }
  const JsonFields fields(*object, "the answer");
  Outcome outcome;
  BOTHY_TRY(outcome.words, fields.text("error"));
  BOTHY_TRY(const std::uint64_t code, fields.number("code"));
  outcome.code = static_cast<int>(code);
  return outcome;
}

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
  const TerminalSize size = own_size();
  if (options.terminal && size != TerminalSize{}) {
    options.columns = size.columns;
    options.rows = size.rows;
  }
}

Result<Outcome> converse(const UniqueFd& socket, const Conversation& conversation) {
  return Talk(socket.get(), conversation).run();
}

}  // namespace bothy::run

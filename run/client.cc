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
#include <csignal>
#include <cstring>
#include <optional>
#include <vector>

#include "devices/backend/terminal.h"
#include "guest/protocol/agent.h"
#include "image/json_fields.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"
#include "vmm/base/unix_listener.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::size_t kMostUnsent = 128 * 1024;
constexpr char kCtrlP = 0x10;
constexpr char kCtrlQ = 0x11;
// SIGINT or SIGTERM this often, each soon after the one before: the process doesn't heed them.
constexpr int kInsistence = 3;
constexpr std::chrono::seconds kInARow{3};

ConsoleSize own_size() noexcept {
  return terminal_size(::isatty(STDIN_FILENO) == 1 ? STDIN_FILENO : STDOUT_FILENO);
}

// SIGWINCH, and what would end us, as a descriptor.
class Signals {
 public:
  explicit Signals(bool all) {
    sigemptyset(&wanted_);
    sigaddset(&wanted_, SIGWINCH);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
      if (all) {
        sigaddset(&wanted_, signal);
      }
    }
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
  void on_frame(const agent::Frame& frame, std::span<const std::byte> bytes);
  [[nodiscard]] bool leaves(std::span<const char> typed);

  const int socket_;
  const Conversation conversation_;
  const Signals signals_;
  std::optional<RawTerminal> terminal_;
  std::vector<std::byte> unsent_;
  std::vector<std::byte> received_;
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
    const bool more = unsent_.size() < kMostUnsent;
    std::array<pollfd, 3> waits{{
        {socket_, static_cast<short>(POLLIN | (unsent_.empty() ? 0 : POLLOUT)), 0},
        {signals_.fd(), POLLIN, 0},
        {reading_ && more ? STDIN_FILENO : -1, POLLIN, 0},
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
    if ((waits[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !on_socket()) {
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
  const ConsoleSize size = own_size();
  if (size != ConsoleSize{}) {
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
  const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
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
  send(kInput, std::as_bytes(typed));
}

void Talk::on_signal() {
  for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
    if (signal == SIGWINCH) {
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
      return;
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
  std::size_t at = 0;
  while (received_.size() - at >= sizeof(agent::Frame)) {
    agent::Frame frame{};
    std::memcpy(&frame, received_.data() + at, sizeof(frame));
    if (received_.size() - at - sizeof(frame) < frame.length) {
      break;
    }
    on_frame(frame, std::span(received_).subspan(at + sizeof(frame), frame.length));
    at += sizeof(frame) + frame.length;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
  return true;
}

void Talk::on_frame(const agent::Frame& frame, std::span<const std::byte> bytes) {
  if (frame.type == kOutput) {
    // Nobody there to read it any more is the process's misfortune, not an end.
    static_cast<void>(write_out(frame.process == 2 ? STDERR_FILENO : STDOUT_FILENO, bytes));
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
  BOTHY_TRY(const json::object object, image::parse_own_object(frame.bytes, "the answer"));
  const json::value* ok = object.if_contains("ok");
  if (ok == nullptr || !ok->is_bool() || !ok->get_bool()) {
    const image::JsonFields fields(object, "the answer");
    BOTHY_TRY(const std::string error, fields.text("error"));
    return make_error(ErrorCode::kInvalid, "{}", error);
  }
  const json::value* result = object.if_contains("result");
  return result != nullptr ? *result : json::value();
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
  const ConsoleSize size = own_size();
  if (options.terminal && size != ConsoleSize{}) {
    options.columns = size.columns;
    options.rows = size.rows;
  }
}

Result<Outcome> converse(const UniqueFd& socket, const Conversation& conversation) {
  return Talk(socket.get(), conversation).run();
}

}  // namespace bothy::run

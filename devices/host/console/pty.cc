#include "devices/host/console/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace bothy {
namespace {

// Whether a program has the other side open, or had and left input. Before any program has had it
// open the answer would be yes, so make_raw() opens it once.
bool attended(int master) noexcept {
  pollfd state{master, POLLIN, 0};
  return ::poll(&state, 1, 0) >= 0 &&
         ((state.revents & POLLHUP) == 0 || (state.revents & POLLIN) != 0);
}

bool make_raw(const char* path) noexcept {
  const UniqueFd terminal(::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios modes{};
  if (!terminal || ::tcgetattr(terminal.get(), &modes) != 0) {
    return false;
  }
  ::cfmakeraw(&modes);
  return ::tcsetattr(terminal.get(), TCSANOW, &modes) == 0;
}

}  // namespace

Result<std::unique_ptr<Pty>> Pty::create(boost::asio::io_context& executor, const std::string& what,
                                         Unattended unattended) {
  UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 64> path{};
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), path.data(), path.size()) != 0 || !make_raw(path.data())) {
    return errno_error(what + ": can't make a pseudo-terminal");
  }
  UniqueFd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch || ::inotify_add_watch(watch.get(), path.data(), IN_OPEN) < 0) {
    return errno_error(what + ": can't watch " + path.data());
  }
  std::unique_ptr<Pty> pty(new Pty(executor, std::move(master), path.data(), unattended));
  BOTHY_TRY(pty->watch_.own(std::move(watch)));
  return pty;
}

Pty::Pty(boost::asio::io_context& executor, UniqueFd master, std::string path,
         Unattended unattended)
    : master_(std::move(master)),
      watch_(executor),
      path_(std::move(path)),
      stream_(executor, unattended) {}

void Pty::serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer) {
  stream_.serve(receiver, std::move(on_peer), [this] { look_for_peer(); });
  watch_.post([this] { look_for_peer(); });
}

void Pty::look_for_peer() {
  std::array<std::byte, 4096> events;
  while (::read(watch_.fd(), events.data(), events.size()) > 0) {
    // Only wake-ups: attended() has the state itself.
  }
  UniqueFd peer;
  if (attended(master_.get())) {
    peer.reset(::fcntl(master_.get(), F_DUPFD_CLOEXEC, 3));
  }
  if (peer) {
    stream_.attach(std::move(peer));
  } else {
    wait_for_peer();
  }
}

void Pty::wait_for_peer() {
  watch_.wait(FdWatch::Event::kReadable, [this] { look_for_peer(); });
}

}  // namespace bothy

#include "devices/host/console/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <utility>

namespace bothy {
namespace {

// Whether a program has the other side open, or had, and left words. It says no only after one had
// (make_raw() was it).
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
  return std::unique_ptr<Pty>(
      new Pty(executor, std::move(master), std::move(watch), path.data(), unattended));
}

Pty::Pty(boost::asio::io_context& executor, UniqueFd master, UniqueFd watch, std::string path,
         Unattended unattended)
    : master_(std::move(master)),
      watch_(executor, watch.release()),
      path_(std::move(path)),
      stream_(executor, unattended) {}

void Pty::serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer) {
  stream_.serve(receiver, std::move(on_peer), [this] { look_for_peer(); });
  boost::asio::post(watch_.get_executor(), [this] { look_for_peer(); });
}

void Pty::look_for_peer() {
  std::array<std::byte, 4096> events;
  while (::read(watch_.native_handle(), events.data(), events.size()) > 0) {
    // What they say is less than what the terminal itself does.
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
  watch_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (!error) {
                        look_for_peer();
                      }
                    });
}

}  // namespace bothy

#include "devices/host/vsock/poll_set.h"

#include "base/files.h"

namespace bothy {
namespace {

constexpr std::uint32_t kAlways = EPOLLIN | EPOLLRDHUP | EPOLLET;

epoll_event make_event(std::uint32_t events, std::uint64_t token) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return event;
}

}  // namespace

Result<PollSet> PollSet::create() {
  UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd) {
    return errno_error("can't create an epoll descriptor");
  }
  // FdWatch watches a blocking descriptor through a further epoll instance.
  BOTHY_TRY(set_nonblocking(fd.get()));
  return PollSet(std::move(fd));
}

bool PollSet::add(int fd, std::uint64_t token) noexcept {
  epoll_event event = make_event(kAlways, token);
  return ::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void PollSet::watch_output(int fd, std::uint64_t token, bool on) noexcept {
  epoll_event event = make_event(kAlways | (on ? std::uint32_t{EPOLLOUT} : 0U), token);
  // Can't fail: changing an entry allocates nothing.
  static_cast<void>(::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event));
}

std::span<const epoll_event> PollSet::take(std::span<epoll_event> room) noexcept {
  const int count = ::epoll_wait(fd_.get(), room.data(), static_cast<int>(room.size()), 0);
  return room.first(count > 0 ? static_cast<std::size_t>(count) : 0);
}

}  // namespace bothy

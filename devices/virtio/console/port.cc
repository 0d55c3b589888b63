#include "devices/virtio/console/port.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace bothy::virtio {
namespace {

// How much a port sends before the executor's other devices get their turn. Requests count too, for
// a guest that sends nothing but empty ones.
constexpr std::size_t kBurst = 256 * 1024;
constexpr std::size_t kCostOfRequest = 512;
// So many of the guest's buffers are filled by one receive(), for the same reason.
constexpr int kMostBuffers = 256;

}  // namespace

ConsolePort::ConsolePort(boost::asio::io_context& executor, ConsolePortSpec spec)
    : executor_(executor), spec_(std::move(spec)) {}

ConsolePort::~ConsolePort() {
  if (link_ != nullptr) {
    stop();
  }
}

void ConsolePort::start(ActiveQueue to_guest, ActiveQueue from_guest, DriverLink& link, Run run) {
  link_ = &link;
  alive_ = std::make_shared<bool>(true);
  turn_posted_ = false;
  on_sent_ = std::move(run.on_sent);
  {
    const std::lock_guard lock(mutex_);
    to_guest_ = std::move(to_guest.queue);
    to_guest_index_ = to_guest.index;
    guest_open_ = run.guest_open;
    on_held_ = std::move(run.on_held);
    offer_room();
  }
  if (to_guest_) {
    to_guest_bell_.emplace(executor_, *to_guest.kick, [this] {
      const std::lock_guard lock(mutex_);
      offer_room();
    });
  }
  from_guest_ = std::move(from_guest.queue);
  from_guest_index_ = from_guest.index;
  if (from_guest_) {
    from_guest_bell_.emplace(executor_, *from_guest.kick, [this] { transmit(); });
    if (spec_.sink != nullptr) {
      spec_.sink->set_room_hook([this] { later(); });
    }
    transmit();
  }
}

ConsolePort::States ConsolePort::stop() noexcept {
  States states;
  from_guest_bell_.reset();
  to_guest_bell_.reset();
  if (from_guest_) {
    send_burst();
    if (spec_.sink != nullptr) {
      spec_.sink->set_room_hook(nullptr);
    }
    if (chain_ && unsent_.remaining() == chain_->reader().remaining()) {
      from_guest_->unpop(std::move(*chain_));
    }
    chain_.reset();
    states.from_guest = from_guest_->state();
    from_guest_.reset();
  }
  *alive_ = false;
  on_sent_ = nullptr;
  const std::lock_guard lock(mutex_);
  on_held_ = nullptr;
  if (to_guest_) {
    states.to_guest = to_guest_->state();
    to_guest_.reset();
  }
  link_ = nullptr;
  return states;
}

void ConsolePort::set_guest_open(bool open) noexcept {
  const std::lock_guard lock(mutex_);
  guest_open_ = open;
  if (open) {
    offer_room();
  }
}

void ConsolePort::later() {
  if (turn_posted_.exchange(true)) {
    return;
  }
  boost::asio::post(executor_, [this, alive = alive_] {
    if (*alive) {
      turn_posted_ = false;
      transmit();
    }
  });
}

void ConsolePort::transmit() {
  from_guest_->disable_kicks();
  const Progress progress = send_burst();
  if (from_guest_->broken()) {
    return link_->park(from_guest_->why_broken());
  }
  // Stalled, the sink's room hook goes on.
  if (progress == Progress::kBusy || (progress == Progress::kIdle && from_guest_->enable_kicks())) {
    later();
  }
}

ConsolePort::Progress ConsolePort::send_burst() {
  Progress progress = Progress::kBusy;
  for (std::size_t left = kBurst; left > 0 && progress == Progress::kBusy;) {
    if (!chain_) {
      chain_ = from_guest_->pop();
      if (!chain_) {
        progress = Progress::kIdle;
        break;
      }
      unsent_ = chain_->reader();
      left -= std::min(left, kCostOfRequest);
    }
    const auto piece = unsent_.front(left);
    const std::size_t taken = spec_.sink != nullptr ? spec_.sink->try_write(piece) : piece.size();
    unsent_.advance(taken);
    left -= taken;
    if (unsent_.remaining() == 0) {
      chain_->complete(0);
      chain_.reset();
      if (on_sent_) {
        on_sent_();
      }
    } else if (taken < piece.size()) {
      progress = Progress::kStalled;
    }
  }
  if (from_guest_->needs_signal()) {
    link_->signal_queue(from_guest_index_);
  }
  return progress;
}

std::size_t ConsolePort::receive(std::span<const std::byte> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  if (to_guest_ && guest_open_) {
    taken = fill_buffers(bytes);
    if (to_guest_->needs_signal()) {
      link_->signal_queue(to_guest_index_);
    }
    if (to_guest_->broken()) {
      link_->park(to_guest_->why_broken());
    }
  }
  if (taken < bytes.size()) {
    room_wanted_ = true;
    if (to_guest_ && !guest_open_ && on_held_) {
      on_held_();
    }
    if (to_guest_ && guest_open_ && to_guest_->enable_kicks()) {
      offer_room();  // buffers that came meanwhile, or are more than one receive() fills
    }
  }
  return taken;
}

std::size_t ConsolePort::fill_buffers(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  for (int i = 0; i < kMostBuffers && taken < bytes.size(); ++i) {
    auto chain = to_guest_->pop();
    if (!chain) {
      break;
    }
    Writer writer = chain->writer();
    const auto count = std::min<std::uint64_t>(writer.remaining(), bytes.size() - taken);
    static_cast<void>(writer.write_bytes(bytes.subspan(taken, count)));
    chain->complete(static_cast<std::uint32_t>(count));
    taken += count;
  }
  return taken;
}

void ConsolePort::offer_room() {
  if (to_guest_) {
    to_guest_->disable_kicks();  // until somebody waits for buffers again
  }
  if (room_hook_ && std::exchange(room_wanted_, false)) {
    room_hook_();
  }
}

void ConsolePort::set_room_hook(std::function<void()> hook) noexcept {
  const std::lock_guard lock(mutex_);
  room_hook_ = std::move(hook);
}

}  // namespace bothy::virtio

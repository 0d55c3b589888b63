#include "devices/virtio/console/port.h"

#include <algorithm>
#include <utility>

namespace bothy::virtio {
namespace {

// How much a port sends before other devices on the executor get their turn. A request counts as
// some bytes, for a guest that sends empty ones only.
constexpr std::size_t kMaxBytesPerTurn = 256U << 10U;
constexpr std::size_t kRequestCost = 512;
// How many buffers of the guest one receive() fills, for the same reason.
constexpr int kMaxBuffers = 256;

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
  on_request_sent_ = std::move(run.on_request_sent);
  {
    const std::lock_guard lock(mutex_);
    to_guest_ = std::move(to_guest.queue);
    to_guest_index_ = to_guest.index;
    guest_open_ = run.guest_open;
    on_input_held_back_ = std::move(run.on_input_held_back);
    call_room_hook();
  }
  if (to_guest_) {
    to_guest_doorbell_.emplace(executor_, *to_guest.kick, [this] {
      const std::lock_guard lock(mutex_);
      call_room_hook();
    });
  }
  from_guest_ = std::move(from_guest.queue);
  from_guest_index_ = from_guest.index;
  if (from_guest_) {
    from_guest_doorbell_.emplace(executor_, *from_guest.kick, [this] { transmit(); });
    if (spec_.sink != nullptr) {
      spec_.sink->set_room_hook([this] { from_guest_doorbell_->call_again(); });
    }
    transmit();
  }
}

ConsolePort::States ConsolePort::stop() noexcept {
  States states;
  to_guest_doorbell_.reset();
  if (from_guest_) {
    if (spec_.sink != nullptr) {
      spec_.sink->set_room_hook(nullptr);
    }
    from_guest_doorbell_.reset();
    send_burst();
    if (chain_ && unsent_.remaining() == chain_->reader().remaining()) {
      from_guest_->unpop(std::move(*chain_));
    }
    chain_.reset();
    states.from_guest = from_guest_->state();
    from_guest_.reset();
  }
  on_request_sent_ = nullptr;
  const std::lock_guard lock(mutex_);
  on_input_held_back_ = nullptr;
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
    call_room_hook();
  }
}

void ConsolePort::transmit() {
  from_guest_->disable_kicks();
  const Progress progress = send_burst();
  if (from_guest_->broken()) {
    return link_->park(from_guest_->why_broken());
  }
  // When stalled, the sink's room hook posts the next turn.
  if (progress == Progress::kBusy || (progress == Progress::kIdle && from_guest_->enable_kicks())) {
    from_guest_doorbell_->call_again();
  }
}

ConsolePort::Progress ConsolePort::send_burst() {
  Progress progress = Progress::kBusy;
  for (std::size_t left = kMaxBytesPerTurn; left > 0 && progress == Progress::kBusy;) {
    if (!chain_) {
      chain_ = from_guest_->pop();
      if (!chain_) {
        progress = Progress::kIdle;
        break;
      }
      unsent_ = chain_->reader();
      left -= std::min(left, kRequestCost);
    }
    const auto piece = unsent_.front(left);
    const std::size_t taken = spec_.sink != nullptr ? spec_.sink->try_write(piece) : piece.size();
    unsent_.advance(taken);
    left -= taken;
    if (unsent_.remaining() == 0) {
      chain_->complete(0);
      chain_.reset();
      if (on_request_sent_) {
        on_request_sent_();
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
    if (to_guest_ && !guest_open_ && on_input_held_back_) {
      on_input_held_back_();
    }
    if (to_guest_ && guest_open_ && to_guest_->enable_kicks()) {
      call_room_hook();  // buffers that came meanwhile, or that exceed kMaxBuffers
    }
  }
  return taken;
}

std::size_t ConsolePort::fill_buffers(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  for (int i = 0; i < kMaxBuffers && taken < bytes.size(); ++i) {
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

void ConsolePort::call_room_hook() {
  if (to_guest_) {
    to_guest_->disable_kicks();  // until a receive() leaves bytes over
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

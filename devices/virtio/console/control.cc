#include "devices/virtio/console/control.h"

#include <linux/virtio_console.h>

#include <array>
#include <cstring>
#include <utility>

namespace bothy::virtio {
namespace {

template <class T>
void append(std::vector<std::byte>& message, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  message.insert(message.end(), bytes.begin(), bytes.end());
}

}  // namespace

ConsoleControl::ConsoleControl(boost::asio::io_context& executor, std::vector<Port> ports,
                               GuestOpen on_guest_open)
    : executor_(executor), on_guest_open_(std::move(on_guest_open)) {
  ports_.reserve(ports.size());
  for (Port& port : ports) {
    ports_.push_back({std::move(port)});
  }
}

void ConsoleControl::start(ActiveQueue to_driver, ActiveQueue from_driver, DriverLink& link) {
  link_ = &link;
  to_driver_ = std::move(to_driver.queue);
  to_driver_index_ = to_driver.index;
  if (to_driver_) {
    to_driver_doorbell_.emplace(executor_, *to_driver.kick, [this] { send_all_pending(); });
  }
  from_driver_ = std::make_unique<QueueWorker>(executor_, std::move(from_driver), link,
                                               [this](Chain chain) { serve(std::move(chain)); });
}

ConsoleControl::States ConsoleControl::stop() noexcept {
  States states;
  if (from_driver_) {
    states.from_driver = from_driver_->stop();
    from_driver_.reset();
  }
  to_driver_doorbell_.reset();
  if (to_driver_) {
    states.to_driver = to_driver_->state();
    to_driver_.reset();
  }
  for (PortState& state : ports_) {
    state.ready = false;
    state.reported_open = false;
    state.pending = 0;
  }
  return states;
}

void ConsoleControl::set_open(std::uint32_t port, bool open) {
  PortState& state = ports_.at(port);
  state.port.open = open;
  if (!state.ready) {
    return;
  }
  // A close and an open that the driver doesn't know of mean another client: send both.
  if (open) {
    state.pending |= kOpen;
  } else {
    state.pending = (state.pending | kClose) & ~kOpen;
  }
  send_all_pending();
}

void ConsoleControl::set_size(ConsoleSize size) {
  size_ = size;
  for (PortState& state : ports_) {
    if (state.ready && state.port.is_console) {
      state.pending |= kResize;
    }
  }
  send_all_pending();
}

void ConsoleControl::serve(Chain chain) {
  const auto message = chain.reader().read<virtio_console_control>();
  chain.complete(0);
  if (!message) {
    return log_guest(limiter_,
                     "virtio-console: dropped a control message that is shorter than its header");
  }
  if (message->event == VIRTIO_CONSOLE_DEVICE_READY) {
    // The port number has no meaning (5.3.6.2).
    for (PortState& state : ports_) {
      state.pending |= message->value == 1 ? kAdd : 0U;
    }
    return send_all_pending();
  }
  if (message->id >= ports_.size()) {
    return log_guest(limiter_, "virtio-console: dropped control message {} for port {} of {}",
                     message->event + 0, message->id + 0, ports_.size());
  }
  PortState& state = ports_[message->id];
  switch (message->event) {
    case VIRTIO_CONSOLE_PORT_READY:
      return on_port_ready(state, message->value == 1);
    case VIRTIO_CONSOLE_PORT_OPEN:
      return on_guest_open_(message->id, message->value == 1);
    default:
      return log_guest(limiter_,
                       "virtio-console: dropped control message {}: unexpected from a driver",
                       message->event + 0);
  }
}

void ConsoleControl::on_port_ready(PortState& state, bool ready) {
  state.ready = ready;
  state.reported_open = false;
  state.pending = 0;
  if (!ready) {
    return log_guest(limiter_, "virtio-console: the driver failed to set up port '{}'",
                     state.port.name);
  }
  state.pending |= state.port.is_console ? kConsole : 0U;
  state.pending |= state.port.is_console && size_ != ConsoleSize{} ? kResize : 0U;
  state.pending |= state.port.name.empty() ? 0U : kName;
  state.pending |= state.port.open ? kOpen : 0U;
  send_all_pending();
}

void ConsoleControl::send_all_pending() {
  if (!to_driver_) {
    return;
  }
  bool all_sent = true;
  do {
    to_driver_->disable_kicks();
    all_sent = true;
    for (std::uint32_t id = 0; id < ports_.size() && all_sent; ++id) {
      all_sent = send_pending(id, ports_[id]);
    }
    // Notifications of new buffers are needed only while messages are pending.
  } while (!all_sent && to_driver_->enable_kicks());
  if (to_driver_->needs_signal()) {
    link_->signal_queue(to_driver_index_);
  }
  if (to_driver_->broken()) {
    link_->park(to_driver_->why_broken());
  }
}

bool ConsoleControl::send_pending(std::uint32_t id, PortState& state) {
  constexpr std::array kOrder{kAdd, kConsole, kName, kResize, kClose, kOpen};
  for (const Message message : kOrder) {
    if ((state.pending & message) == 0) {
      continue;
    }
    if ((message == kClose && !state.reported_open) || (message == kOpen && state.reported_open)) {
      state.pending &= ~message;
      continue;
    }
    auto chain = to_driver_->pop();
    if (!chain) {
      return false;
    }
    state.pending &= ~message;
    state.reported_open = message == kOpen || (state.reported_open && message != kClose);
    const std::vector<std::byte> bytes = compose(id, state, message);
    if (chain->writer().write_bytes(bytes)) {
      chain->complete(static_cast<std::uint32_t>(bytes.size()));
    } else {
      chain->complete(0);
      log_guest(limiter_,
                "virtio-console: dropped a control message: the driver's buffer is too small");
    }
  }
  return true;
}

std::vector<std::byte> ConsoleControl::compose(std::uint32_t id, const PortState& state,
                                               Message message) const {
  virtio_console_control head{};
  head.id = id;
  head.value = 1;
  std::vector<std::byte> bytes;
  switch (message) {
    case kAdd:
      head.event = VIRTIO_CONSOLE_PORT_ADD;
      append(bytes, head);
      break;
    case kConsole:
      head.event = VIRTIO_CONSOLE_CONSOLE_PORT;
      append(bytes, head);
      break;
    case kName: {
      head.event = VIRTIO_CONSOLE_PORT_NAME;
      append(bytes, head);
      const auto name = std::as_bytes(std::span(state.port.name));
      bytes.insert(bytes.end(), name.begin(), name.end());
      break;
    }
    case kResize:
      head.event = VIRTIO_CONSOLE_RESIZE;
      append(bytes, head);
      // The order of 5.3.6.2; Linux before 6.15 reads rows first.
      append(bytes, size_.columns);
      append(bytes, size_.rows);
      break;
    case kClose:
    case kOpen:
      head.event = VIRTIO_CONSOLE_PORT_OPEN;
      head.value = message == kOpen ? 1 : 0;
      append(bytes, head);
      break;
  }
  return bytes;
}

}  // namespace bothy::virtio

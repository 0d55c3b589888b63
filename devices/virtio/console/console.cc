#include "devices/virtio/console/console.h"

#include <linux/virtio_console.h>

#include <bit>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <utility>

#include "devices/virtio/config_space.h"

namespace bothy::virtio {
namespace {

// Linux makes one page per buffer of a receive queue available.
constexpr std::uint16_t kQueueSize = 64;
constexpr std::size_t kControlReceiveQueue = 2;  // to the driver
constexpr std::size_t kControlTransmitQueue = 3;

// Port 0 has queues 0 and 1, the control queues are 2 and 3, the other ports follow (5.3.2).
constexpr std::size_t first_queue(std::size_t port) noexcept {
  return port == 0 ? 0 : 2 + 2 * port;
}

constexpr std::uint32_t packed(ConsoleSize size) noexcept {
  return std::uint32_t{size.columns} | std::uint32_t{size.rows} << 16U;
}

ActiveQueue take(std::vector<ActiveQueue>& queues, std::size_t index) {
  return index < queues.size() ? std::move(queues[index]) : ActiveQueue{};
}

}  // namespace

Console::Console(boost::asio::io_context& executor, std::vector<ConsolePortSpec> ports,
                 ConsoleSize size, std::chrono::milliseconds early_input_timeout)
    : executor_(executor),
      size_(packed(size)),
      early_input_timeout_(early_input_timeout),
      timer_(executor) {
  const bool multiport =
      ports.size() != 1 || !ports.front().is_console || !ports.front().name.empty();
  if (multiport) {
    std::vector<ConsoleControl::Port> controlled;
    controlled.reserve(ports.size());
    for (const ConsolePortSpec& spec : ports) {
      controlled.push_back({spec.name, spec.is_console, spec.open});
    }
    control_.emplace(executor_, std::move(controlled),
                     [this](std::uint32_t port, bool open) { ports_[port]->set_guest_open(open); });
    control_->set_size(size);
  }
  for (ConsolePortSpec& spec : ports) {
    ports_.push_back(std::make_unique<ConsolePort>(executor_, std::move(spec)));
  }
  queue_sizes_.assign(2 * ports_.size() + (multiport ? 2 : 0), kQueueSize);
}

Console::~Console() = default;

std::uint64_t Console::features() const noexcept {
  return feature(VIRTIO_CONSOLE_F_SIZE) | feature(VIRTIO_CONSOLE_F_EMERG_WRITE) |
         (control_ ? feature(VIRTIO_CONSOLE_F_MULTIPORT) : 0);
}

std::span<const std::uint16_t> Console::queue_sizes() const noexcept {
  return queue_sizes_;
}

void Console::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  const ConsoleSize size = this->size();
  virtio_console_config config{};
  config.cols = size.columns;
  config.rows = size.rows;
  config.max_nr_ports = static_cast<std::uint32_t>(control_ ? ports_.size() : 0);
  read_config_space(config, offset, data);
  if (offset < offsetof(virtio_console_config, max_nr_ports) &&
      config_read_awaited_.exchange(false)) {
    boost::asio::post(executor_, [this] { deliver_input(); });
  }
}

void Console::write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  CharacterSink* sink = ports_.front()->spec().sink;
  if (offset == offsetof(virtio_console_config, emerg_wr) && !data.empty() && sink != nullptr) {
    // Never blocks: this runs on a vCPU thread.
    static_cast<void>(sink->try_write(data.first(1)));
  }
}

void Console::start(std::uint64_t features, std::vector<ActiveQueue> queues,
                    DriverLink& link) noexcept {
  link_ = &link;
  requests_sent_ = 0;
  config_read_awaited_ = false;
  multiport_ = (features & feature(VIRTIO_CONSOLE_F_MULTIPORT)) != 0;
  // A driver without F_SIZE has no reason to read the config space.
  holding_input_ = !multiport_ && (features & feature(VIRTIO_CONSOLE_F_SIZE)) != 0;
  ConsolePort::Run run;
  run.guest_open = !multiport_ && !holding_input_;
  if (holding_input_) {
    run.on_request_sent = [this] { on_request_sent(); };
    run.on_input_held_back = [this] { on_input_held_back(); };
  }
  const std::size_t served = multiport_ ? ports_.size() : 1;
  for (std::size_t i = 0; i < served; ++i) {
    const std::size_t queue = first_queue(i);
    ports_[i]->start(take(queues, queue), take(queues, queue + 1), link, run);
  }
  if (multiport_) {
    control_->start(take(queues, kControlReceiveQueue), take(queues, kControlTransmitQueue), link);
  }
}

std::vector<QueueState> Console::stop() noexcept {
  timer_.cancel();
  holding_input_ = false;
  std::vector<QueueState> states(queue_sizes_.size());
  if (multiport_) {
    const auto [to_driver, from_driver] = control_->stop();
    states[kControlReceiveQueue] = to_driver;
    states[kControlTransmitQueue] = from_driver;
  }
  const std::size_t served = multiport_ ? ports_.size() : 1;
  for (std::size_t i = 0; i < served; ++i) {
    const auto [to_guest, from_guest] = ports_[i]->stop();
    states[first_queue(i)] = to_guest;
    states[first_queue(i) + 1] = from_guest;
  }
  link_ = nullptr;
  return states;
}

void Console::on_input_held_back() {
  if (!config_read_awaited_.exchange(true)) {
    boost::asio::post(executor_, [this] { notify_of_input(); });
  }
}

void Console::notify_of_input() {
  if (!holding_input_) {
    return;
  }
  link_->signal_config();
  timer_.start(early_input_timeout_, [this] { deliver_input(); });
}

void Console::deliver_input() {
  if (std::exchange(holding_input_, false)) {
    timer_.cancel();
    ports_.front()->set_guest_open(true);
  }
}

void Console::on_request_sent() {
  // Linux reads the size only after a config change notification, and drops the size if its
  // terminal doesn't exist yet, which the device can't see. So notify the driver at its first
  // output and a few times later: at requests 1, 4, 16, 64 and 256.
  ++requests_sent_;
  constexpr std::uint32_t kLast = 256;
  const bool power_of_four =
      std::has_single_bit(requests_sent_) && std::countr_zero(requests_sent_) % 2 == 0;
  if (requests_sent_ <= kLast && power_of_four && size() != ConsoleSize{}) {
    link_->signal_config();
  }
}

ConsoleSize Console::size() const noexcept {
  const std::uint32_t size = size_.load();
  return {static_cast<std::uint16_t>(size), static_cast<std::uint16_t>(size >> 16U)};
}

void Console::resize(ConsoleSize size) {
  if (size_.exchange(packed(size)) != packed(size)) {
    boost::asio::post(executor_, [this] { announce_size(); });
  }
}

void Console::announce_size() {
  if (control_) {
    control_->set_size(size());
  }
  if (link_ != nullptr && !multiport_) {
    link_->signal_config();
  }
}

void Console::set_open(std::size_t port, bool open) {
  if (control_) {
    boost::asio::post(executor_, [this, port, open] {
      control_->set_open(static_cast<std::uint32_t>(port), open);
    });
  }
}

}  // namespace bothy::virtio

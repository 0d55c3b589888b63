// A socket device, its driver and clients on the host, all on the test's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "devices/virtio/vsock/vsock.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/unix_sockets.h"
#include "tests/support/virtio_driver.h"

namespace bothy::test {

// Split and packed rings: every test case runs with both.
inline virtio::RingFeatures any_layout() {
  const bool packed = GENERATE(false, true);
  return {.event_index = packed, .packed = packed};
}

class VsockRig : private virtio::DriverLink {
 public:
  static constexpr std::uint64_t kCid = 3;
  static constexpr std::uint32_t kWindow = 64U << 10U;  // the guest's receive window

  explicit VsockRig(std::uint16_t buffers = 16, std::uint32_t buffer_size = 4096,
                    virtio::RingFeatures features = any_layout())
      : memory(make_guest_memory(3 * DriverQueue::kSpan)),
        receive(memory, 0, 64, features),
        transmit(memory, DriverQueue::kSpan, 64, features),
        events(memory, 2 * DriverQueue::kSpan, 64, features),
        path(directory / "vsock"),
        device(virtio::Vsock::create({path, kCid}, executor).value()) {
    offer_more(buffers, buffer_size);
    packet_ = transmit.allocate(kMaxPacket);
    start();
  }
  ~VsockRig() override { stop(); }

  // Continues from the state of the last run.
  void start() {
    std::vector<virtio::ActiveQueue> queues(3);
    std::uint16_t index = 0;
    for (const DriverQueue* driver : {&receive, &transmit, &events}) {
      queues[index] = {driver->queue(states_[index]), &kicks_[index], index};
      ++index;
    }
    device->start(1, std::move(queues), *this);
    running_ = true;
  }
  void stop() {
    if (std::exchange(running_, false)) {
      states_ = device->stop();
    }
  }

  void offer_more(std::uint16_t buffers, std::uint32_t size = 4096) {
    for (std::uint16_t i = 0; i < buffers; ++i) {
      offer({receive.allocate(size), size});
    }
    kick(0);
  }

  // Runs the device until it is idle.
  void run() {
    executor.restart();
    while (executor.poll() > 0) {
    }
  }
  void kick(std::size_t queue) { kicks_[queue].signal(); }

  [[nodiscard]] virtio::VsockHeader header(virtio::VsockOp op, virtio::VsockPorts ports) const {
    virtio::VsockHeader header;
    header.source_cid = kCid;
    header.destination_cid = virtio::kVsockHostCid;
    header.source_port = ports.guest;
    header.destination_port = ports.host;
    header.type = virtio::kVsockStream;
    header.op = op;
    header.buffer_size = kWindow;
    header.forwarded = forwarded;
    return header;
  }
  // Sends a packet from the guest, in two descriptors as Linux does. Sets `taken`.
  void send(virtio::VsockHeader header, std::string_view payload = {}) {
    header.length = static_cast<std::uint32_t>(payload.size());
    send_raw(header, payload);
  }
  void send_raw(const virtio::VsockHeader& header, std::string_view payload = {}) {
    const auto bytes = std::as_bytes(std::span(&header, 1)).first(virtio::kVsockHeaderSize);
    REQUIRE(memory.write_bytes(packet_, bytes));
    REQUIRE(
        memory.write_bytes(packet_ + virtio::kVsockHeaderSize, std::as_bytes(std::span(payload))));
    std::vector<DriverQueue::Buffer> parts{{virtio::kVsockHeaderSize, false, packet_}};
    if (!payload.empty()) {
      parts.push_back(
          {static_cast<std::uint32_t>(payload.size()), false, packet_ + virtio::kVsockHeaderSize});
    }
    transmit.add(parts);
    kick(1);
    run();
    taken = transmit.take().has_value();
  }
  void send(virtio::VsockOp op, virtio::VsockPorts ports, std::string_view payload = {}) {
    send(header(op, ports), payload);
  }
  void send_shutdown(virtio::VsockPorts ports, std::uint32_t flags) {
    virtio::VsockHeader shutdown = header(virtio::VsockOp::kShutdown, ports);
    shutdown.flags = flags;
    send(shutdown);
  }

  struct Packet {
    virtio::VsockHeader header;
    std::string payload;
  };
  // The next packet for the guest. Its buffer is made available again if `refill`.
  std::optional<Packet> take() {
    const auto used = receive.take();
    if (!used) {
      return std::nullopt;
    }
    const Room room = rooms_.at(used->id);
    REQUIRE(used->length >= virtio::kVsockHeaderSize);
    REQUIRE(used->length <= room.size);
    const auto bytes = *memory.slice(room.address, used->length);
    Packet packet;
    iovec whole{bytes.data(), bytes.size()};
    packet.header = *virtio::read_vsock_header(std::span(&whole, 1));
    packet.payload.assign(reinterpret_cast<const char*>(bytes.data()) + virtio::kVsockHeaderSize,
                          used->length - virtio::kVsockHeaderSize);
    CHECK(packet.header.source_cid == virtio::kVsockHostCid);
    CHECK(packet.header.destination_cid == kCid);
    CHECK(packet.header.length == packet.payload.size());
    if (refill) {
      offer(room);
      kick(0);
    }
    return packet;
  }
  // The next packet, which must have this op.
  Packet expect(virtio::VsockOp op) {
    run();
    const auto packet = take();
    REQUIRE(packet.has_value());
    REQUIRE(packet->header.op == op);
    return *packet;
  }
  void expect_nothing() {
    run();
    CHECK(!take().has_value());
  }

  struct Stream {
    virtio::VsockPorts ports;
    UniqueFd host;
  };
  // A client of the host connects to a port of the guest.
  Stream connect_to_guest(std::uint32_t port) {
    UniqueFd host = unix_connect(path);
    REQUIRE(send_text(host, "CONNECT " + std::to_string(port) + "\n"));
    const Packet request = expect(virtio::VsockOp::kRequest);
    REQUIRE(request.header.destination_port == port);
    const virtio::VsockPorts ports{port, request.header.source_port};
    send(virtio::VsockOp::kResponse, ports);
    REQUIRE(receive_text(host) == "OK " + std::to_string(ports.host) + "\n");
    return {ports, std::move(host)};
  }
  // A program in the guest connects to a port of the host.
  Stream connect_to_host(std::uint32_t guest_port, std::uint32_t port, const UniqueFd& listener) {
    const virtio::VsockPorts ports{guest_port, port};
    send(virtio::VsockOp::kRequest, ports);
    window = expect(virtio::VsockOp::kResponse).header.buffer_size;
    UniqueFd host = unix_accept(listener);
    REQUIRE(host);
    return {ports, std::move(host)};
  }
  [[nodiscard]] std::string port_path(std::uint32_t port) const {
    return path + "_" + std::to_string(port);
  }

  static constexpr std::uint32_t kMaxPacket = 128U << 10U;

  TemporaryDirectory directory;
  boost::asio::io_context executor{1};
  GuestMemory memory;
  DriverQueue receive;
  DriverQueue transmit;
  DriverQueue events;
  std::string path;
  std::unique_ptr<virtio::Vsock> device;

  std::uint32_t forwarded = 0;  // fwd_cnt in the guest's packets
  std::uint32_t window = 0;     // buf_alloc of the last response
  bool refill = true;           // whether used buffers are made available again
  bool taken = false;           // whether the device used the last packet's buffer
  std::vector<std::string> parked;
  std::array<int, 3> signals{};

 private:
  struct Room {
    GuestAddress address;
    std::uint32_t size;
  };
  void offer(Room room) {
    // Two descriptors, header and payload, as Linux has them.
    const std::uint16_t head =
        receive.add({{virtio::kVsockHeaderSize, true, room.address},
                     {room.size - static_cast<std::uint32_t>(virtio::kVsockHeaderSize), true,
                      room.address + virtio::kVsockHeaderSize}});
    rooms_[head] = room;
  }

  void signal_queue(std::uint16_t queue) noexcept override { ++signals.at(queue); }
  void signal_config() noexcept override {}
  void park(const std::string& why) noexcept override { parked.push_back(why); }

  std::array<EventFd, 3> kicks_{EventFd::create().value(), EventFd::create().value(),
                                EventFd::create().value()};
  std::map<std::uint32_t, Room> rooms_;
  GuestAddress packet_ = 0;
  std::vector<virtio::QueueState> states_{3};
  bool running_ = false;
};

}  // namespace bothy::test

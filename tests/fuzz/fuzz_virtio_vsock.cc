// A hostile guest of a socket device's muxer: any packets, and receive buffers of any size or none,
// while clients on the host connect, send, listen and disconnect. The input is a sequence of
// operations and their operands.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/log.h"
#include "devices/virtio/vsock/muxer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/unix_sockets.h"

namespace {

using namespace bothy;
using fuzz::check;
using fuzz::Input;
using virtio::kVsockHeaderSize;
using virtio::VsockHeader;
using virtio::VsockMuxer;
using virtio::VsockOp;

constexpr std::uint64_t kCid = 3;
constexpr std::uint32_t kHostPort = 52;
constexpr std::size_t kMaxClients = 8;
constexpr std::size_t kLargest = 300 << 10;

class Machine {
 public:
  explicit Machine(const std::string& path)
      : path_(path),
        ports_(UnixPorts::listen("--vsock", path).value()),
        listener_(test::unix_listen(path + "_52", 4)) {
    check(poll_.add(ports_.fd(), VsockMuxer::kListener));
  }
  ~Machine() { ::unlink((path_ + "_52").c_str()); }

  void step(Input& input) {
    switch (input.byte() % 8) {
      case 0:
      case 1:
        return guest_sends(input);
      case 2:
      case 3:
        return guest_receives(input);
      case 4:
        return host_connects(input);
      case 5:
        return host_talks(input);
      case 6:
        return poll();
      default:
        return host_leaves(input);
    }
  }

 private:
  // Ports that are probably in use.
  std::uint32_t guest_port(Input& input) { return input.byte() % 4; }
  std::uint32_t host_port(Input& input) {
    const std::uint8_t choice = input.byte();
    return choice < 64 ? kHostPort : (1U << 30U) + choice % 16;
  }

  void guest_sends(Input& input) {
    if (!muxer_.can_receive()) {
      return;
    }
    VsockHeader header;
    const std::uint8_t oddity = input.byte();
    header.source_cid = oddity == 1 ? 9 : kCid;
    header.destination_cid = oddity == 2 ? 9 : virtio::kVsockHostCid;
    header.type = oddity == 3 ? 2 : virtio::kVsockStream;
    header.source_port = guest_port(input);
    header.destination_port = host_port(input);
    header.op = static_cast<VsockOp>(input.byte() % 10);
    header.flags = input.byte();
    header.buffer_size = oddity == 4 ? input.take<std::uint32_t>() : 64U << 10U;
    header.forwarded = oddity == 5 ? input.take<std::uint32_t>() : forwarded_;
    const std::size_t length =
        header.op == VsockOp::kData ? std::size_t{input.byte()} << (input.byte() % 11) : 0;
    header.length = oddity == 6 ? input.take<std::uint32_t>() : static_cast<std::uint32_t>(length);
    const std::size_t whole = oddity == 7 ? input.byte() % kVsockHeaderSize : kVsockHeaderSize;
    // Split at any position.
    const std::size_t split = std::min<std::size_t>(input.byte(), whole + length);
    std::vector<std::byte> bytes(kVsockHeaderSize + length);
    std::memcpy(bytes.data(), &header, kVsockHeaderSize);
    std::vector<iovec> buffers;
    if (split > 0) {
      buffers.push_back({bytes.data(), split});
    }
    if (split < whole + length) {
      buffers.push_back({bytes.data() + split, whole + length - split});
    }
    muxer_.receive(buffers);
    check(muxer_.size() <= VsockMuxer::kMaxConnections);
  }

  void guest_receives(Input& input) {
    if (!muxer_.has_packets()) {
      return;
    }
    std::vector<std::byte> bytes(kVsockHeaderSize + 1 + input.byte() * 16U);
    const std::size_t split = std::min<std::size_t>(1U + input.byte(), bytes.size() - 1);
    const std::array<iovec, 2> buffers{
        {{bytes.data(), split}, {bytes.data() + split, bytes.size() - split}}};
    const std::uint32_t length = muxer_.send(buffers);
    if (length == 0) {
      return;
    }
    check(length >= kVsockHeaderSize && length <= bytes.size());
    VsockHeader header;
    std::memcpy(static_cast<void*>(&header), bytes.data(), kVsockHeaderSize);
    check(header.source_cid == virtio::kVsockHostCid && header.destination_cid == kCid);
    check(header.length == length - kVsockHeaderSize);
    check(header.op >= VsockOp::kRequest && header.op <= VsockOp::kCreditRequest);
    check(header.length == 0 || header.op == VsockOp::kData);
    forwarded_ += header.length;
  }

  void host_connects(Input& input) {
    if (clients_.size() == kMaxClients) {
      return;
    }
    if (UniqueFd guest = test::unix_accept(listener_)) {
      clients_.push_back(std::move(guest));
      return;
    }
    UniqueFd client = test::unix_connect(path_);
    check(static_cast<bool>(client));
    if (input.byte() % 8 != 0) {
      check(test::send_text(client, fmt::format("CONNECT {}\n", guest_port(input))));
    }
    clients_.push_back(std::move(client));
    poll();
  }

  void host_talks(Input& input) {
    if (clients_.empty()) {
      return;
    }
    const UniqueFd& client = clients_[input.byte() % clients_.size()];
    std::vector<char> bytes(kLargest);
    const std::size_t length = std::size_t{input.byte()} << (input.byte() % 11);
    switch (input.byte() % 4) {
      case 0:
        ::shutdown(client.get(), input.byte() % 3);
        break;
      case 1:
        static_cast<void>(::recv(client.get(), bytes.data(), length, 0));
        break;
      default:
        static_cast<void>(::send(client.get(), bytes.data(), length, MSG_NOSIGNAL));
        break;
    }
    poll();
  }

  void host_leaves(Input& input) {
    const std::uint8_t choice = input.byte();
    if (choice == 0xff) {
      muxer_.close_all();
      check(muxer_.size() == 0 && !muxer_.has_packets());
    } else if (!clients_.empty()) {
      clients_.erase(clients_.begin() + choice % static_cast<int>(clients_.size()));
    }
    poll();
  }

  void poll() {
    std::array<epoll_event, 16> room;
    for (const epoll_event& event : poll_.take(room)) {
      muxer_.on_event(event);
    }
  }

  const std::string path_;
  UnixPorts ports_;
  UniqueFd listener_;
  PollSet poll_ = PollSet::create().value();
  VsockMuxer muxer_{kCid, ports_, poll_};
  std::vector<UniqueFd> clients_;
  std::uint32_t forwarded_ = 0;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TemporaryDirectory directory;
  set_log_level(LogLevel::kError);
  Machine machine(directory / "v");
  Input input({data, std::min<std::size_t>(size, 2048)});
  while (!input.ended()) {
    machine.step(input);
  }
  return 0;
}

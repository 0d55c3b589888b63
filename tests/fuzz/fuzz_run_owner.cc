// An instance's owner between a hostile guest and hostile clients: connections come and go, and
// bytes, frames and raw streams mix.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "base/unix_listener.h"
#include "run/client_protocol.h"
#include "run/client_session.h"
#include "run/vm/guest_link.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/temporary_directory.h"

namespace {

using namespace bothy;
using namespace bothy::run;
using fuzz::check;
using fuzz::Input;

constexpr std::uint64_t kToken = 5;  // that streams must carry, as VmIsolation checks
constexpr std::size_t kMaxPeers = 8;
constexpr std::uint32_t kProcesses = 3;
constexpr std::size_t kLargeInput = 64UL * 1024;

const test::TemporaryDirectory& directory() {
  static const test::TemporaryDirectory shared;
  return shared;
}

// A guest's message may reach a terminal.
bool is_printable(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

class Owner final : public ClientRequests {
 public:
  explicit Owner(std::uint8_t kinds) {
    for (std::uint32_t number = 0; number < kProcesses; ++number) {
      Workload::Setup setup;
      setup.terminal = (kinds >> number & 1U) != 0;
      setup.input = (kinds >> (number + kProcesses) & 1U) != 0;
      processes_[number] = std::make_shared<Workload>(executor_, Clock::steady(), setup,
                                                      [this](const WorkloadEnd&) { ++ended_; });
    }
    link_ = GuestLink::listen(executor_, Clock::steady(), directory() / "vsock", hooks()).value();
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  ~Owner() override {
    for (const auto& [number, process] : processes_) {
      process->fail(1, "over");
      process->fail(2, "twice");
      check(process->has_ended());
    }
    check(ended_ == kProcesses);
    for (const auto& session : std::set(sessions_)) {
      session->finish();
    }
    poll();
    sessions_.clear();
    link_.reset();
    poll();
  }

  void poll() {
    executor_.restart();
    executor_.poll();
  }
  [[nodiscard]] UniqueFd guest_connects() {
    auto fd = connect_unix(fmt::format("{}_{}", directory() / "vsock", agent::kPort));
    check(static_cast<bool>(fd));
    return std::move(fd).value();
  }
  [[nodiscard]] UniqueFd client_connects() {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const auto session = std::make_shared<ClientSession>(executor_, UniqueFd(ends[0]),
                                                         static_cast<ClientRequests&>(*this));
    sessions_.insert(session);
    session->start();
    return UniqueFd(ends[1]);
  }
  void speak(Input& input) {
    const std::uint32_t process = input.below(kProcesses + 1);
    switch (input.below(6)) {
      case 0:
        return link_->signal(process, input.byte());
      case 1:
        return link_->resize(process, input.byte(), input.byte());
      case 2:
        return link_->copy_in(process, kToken, "/tmp");
      case 3:
        return link_->request_path_info(process, "/tmp");
      case 4:
        return link_->request_statistics();
      default:
        return link_->shut_down();
    }
  }

 private:
  GuestLink::Hooks hooks() {
    GuestLink::Hooks hooks;
    hooks.up = [this] { check(++up_ == 1); };
    hooks.stream = [this](std::uint32_t process, const agent::Opening& opening, UniqueFd fd) {
      if (process < kProcesses && opening.token == kToken) {
        processes_[process]->set_stream(opening.value, std::move(fd));
      }
    };
    hooks.started = [](std::uint32_t) {};
    hooks.not_started = [this](std::uint32_t process, int, const std::string& message) {
      check(is_printable(message));
      if (process < kProcesses) {
        processes_[process]->fail(127, message);
      }
    };
    hooks.exited = [this](std::uint32_t process, int status) {
      if (process < kProcesses) {
        processes_[process]->set_exited(status);
      }
    };
    hooks.copied = [](std::uint32_t, int, const std::string& message) {
      check(is_printable(message));
    };
    hooks.path_info = [](std::uint32_t, const PathInfo& info) {
      check(info.path.size() <= agent::kMaxFrame);
    };
    hooks.statistics = [](const Statistics&) {};
    hooks.ports = [](std::span<const std::uint16_t> ports) {
      check(ports.size() <= agent::kMaxPorts);
    };
    hooks.failed = [](const std::string& message) { check(is_printable(message)); };
    hooks.closed = [this] { check(up_ == 1 && ++closed_ == 1 && link_->is_closed()); };
    return hooks;
  }

  void on_request(const std::shared_ptr<ClientSession>& session,
                  const boost::json::object& request) override {
    const auto* process = request.if_contains("process");
    if (process == nullptr || !process->is_int64() || process->get_int64() < 0 ||
        process->get_int64() >= kProcesses) {
      return session->refuse("no such process");
    }
    const auto number = static_cast<std::uint32_t>(process->get_int64());
    session->answer(nullptr);
    session->attach(number, processes_[number]);
  }
  void on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override {
    check(process < kProcesses);
    link_->resize(process, columns, rows);
  }
  void on_signal(std::uint32_t process, int signal) override {
    check(process < kProcesses);
    link_->signal(process, signal);
  }
  void on_client_disconnected(const std::shared_ptr<ClientSession>& session) override {
    check(sessions_.erase(session) == 1);
  }

  boost::asio::io_context executor_;
  std::map<std::uint32_t, std::shared_ptr<Workload>> processes_;
  std::set<std::shared_ptr<ClientSession>> sessions_;
  std::unique_ptr<GuestLink> link_;
  unsigned ended_ = 0;
  int up_ = 0;
  int closed_ = 0;
};

// The other ends: those of a guest's programs, and those of clients.
class Peers {
 public:
  explicit Peers(Owner& owner) : owner_(owner) {}

  void act(Input& input) {
    switch (input.below(10)) {
      case 0:
        return add(owner_.guest_connects());
      case 1:
        return add(owner_.client_connects());
      case 2: {  // an opening that is well made
        const std::array<std::uint32_t, 7> words{sizeof(agent::Opening),
                                                 1U + input.below(2),
                                                 input.below(kProcesses),
                                                 input.below(4),
                                                 0,
                                                 kToken,
                                                 0};
        return send(input, std::as_bytes(std::span(words)));
      }
      case 3: {  // a request
        const std::string text = fmt::format(R"({{"process": {}}})", input.below(kProcesses));
        return send_frame(input, kRequest, std::as_bytes(std::span(text)));
      }
      case 4:
        return send_frame(input, input.byte(), take_bytes(input));
      case 5:
        return send(input, take_bytes(input));
      case 6:
        return hang_up(input);
      case 7:  // more than a process takes at once, if it is said often
        return send_frame(input, kInput, std::vector<std::byte>(kLargeInput));
      case 8:
        return receive(input);
      default:
        return owner_.speak(input);
    }
  }

 private:
  static std::vector<std::byte> take_bytes(Input& input) {
    std::vector<std::byte> bytes(input.byte());
    input.fill(bytes);
    return bytes;
  }
  void add(UniqueFd peer) {
    if (peers_.size() == kMaxPeers) {
      peers_.erase(peers_.begin());
    }
    peers_.push_back(std::move(peer));
  }
  UniqueFd* choose(Input& input) {
    const std::uint8_t choice = input.byte();
    return peers_.empty() ? nullptr : &peers_[choice % peers_.size()];
  }
  void send(Input& input, std::span<const std::byte> bytes) {
    if (const UniqueFd* peer = choose(input)) {
      // Bytes that the peer can't take now are dropped.
      static_cast<void>(
          ::send(peer->get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
  }
  void send_frame(Input& input, std::uint16_t type, std::span<const std::byte> content) {
    const agent::Frame frame{static_cast<std::uint32_t>(content.size()), type, 0,
                             input.below(kProcesses + 1)};
    std::vector<std::byte> bytes(sizeof(frame) + content.size());
    std::memcpy(bytes.data(), &frame, sizeof(frame));
    std::ranges::copy(content, bytes.begin() + sizeof(frame));
    send(input, bytes);
  }
  void receive(Input& input) {
    static std::array<std::byte, kLargeInput> received;
    if (const UniqueFd* peer = choose(input)) {
      static_cast<void>(::recv(peer->get(), received.data(), received.size(), MSG_DONTWAIT));
    }
  }
  void hang_up(Input& input) {
    const bool half = input.flag();
    UniqueFd* peer = choose(input);
    if (peer != nullptr && half) {
      ::shutdown(peer->get(), SHUT_WR);
    } else if (peer != nullptr) {
      peers_.erase(peers_.begin() + (peer - peers_.data()));
    }
  }

  Owner& owner_;
  std::vector<UniqueFd> peers_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxInput = 2048;
  static const auto kIgnored = std::signal(SIGPIPE, SIG_IGN);  // as bothy does
  static_cast<void>(kIgnored);
  if (size > kMaxInput) {
    return 0;
  }
  Input input({data, size});
  Owner owner(input.byte());
  Peers peers(owner);
  while (!input.ended()) {
    peers.act(input);
    owner.poll();
  }
  return 0;
}

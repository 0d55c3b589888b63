#include "devices/host/net/passt.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "base/find_program.h"
#include "base/process.h"
#include "base/socket_pair.h"

namespace bothy {
namespace {

constexpr int kSocketInChild = 3;
constexpr std::chrono::seconds kStartTimeout{20};

ProcessOptions command(int socket, const PasstOptions& options) {
  ProcessOptions command;
  command.arguments = {"passt", "--quiet", "--fd", std::to_string(kSocketInChild)};
  if (options.mtu) {
    command.arguments.insert(command.arguments.end(), {"--mtu", std::to_string(*options.mtu)});
  }
  command.arguments.insert(command.arguments.end(), options.arguments.begin(),
                           options.arguments.end());
  command.descriptors = {{kSocketInChild, socket}};
  command.captured = {STDERR_FILENO};
  // passt itself makes namespaces, drops capabilities and filters its system calls.
  command.least_privileges = true;
  command.environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin"};
  // Until passt serves: it does so in another process, in the background.
  command.death_signal = SIGKILL;
  return command;
}

// passt closes its stderr when it serves, and its first process ends.
Result<void> wait_until_ready(Process& process, int abandoned) {
  const auto deadline = Process::Clock::now() + kStartTimeout;
  const bool in_time = process.read_output({deadline, abandoned}) == Process::OutputEnd::kClosed;
  const auto end = in_time ? process.wait_until(deadline) : std::nullopt;
  if (!end) {
    return make_error(ErrorCode::kSystem, "passt did not start within {} s", kStartTimeout.count());
  }
  if (!end->succeeded()) {
    return make_error(
        ErrorCode::kSystem,
        "passt failed to start: {} (passt needs a network interface with a default route)",
        last_line(process.output(), "syslog"));
  }
  return success();
}

// Lines of /proc/net/route are fields between tabs: an interface, a destination of eight digits,
// ...
bool has_default_route() {
  std::array<char, 4096> text{};  // a default route comes first
  const UniqueFd file(::open("/proc/net/route", O_RDONLY | O_CLOEXEC));
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  return size > 0 &&
         std::string_view(text.data(), static_cast<std::size_t>(size)).find("\t00000000\t") !=
             std::string_view::npos;
}

}  // namespace

bool passt_can_start() {
  return find_program("passt", path_variable()) && has_default_route();
}

Result<void> serve_by_passt(UniqueFd socket, const PasstOptions& options, int abandoned) {
  auto process = Process::start(command(socket.get(), options));
  if (!process && process.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kUnsupported,
                      "passt is not installed, and '--net user' needs it: 'apt install passt'");
  }
  BOTHY_TRY(Process started, std::move(process));
  socket.reset();
  return wait_until_ready(started, abandoned);
}

Result<std::unique_ptr<PacketSocket>> start_passt(const PasstOptions& options) {
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  BOTHY_TRY(serve_by_passt(std::move(pair.theirs), options, -1));
  return PacketSocket::adopt(std::move(pair.ours), "passt");
}

}  // namespace bothy

#include "run/container/network.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/find_program.h"
#include "run/user_network.h"

namespace bothy::run {
namespace {

constexpr int kNetworkInChild = 3;
constexpr int kUserInChild = 4;
constexpr std::chrono::seconds kMessageTimeout{2};

std::string path_in_child(int descriptor) {
  return fmt::format("/proc/self/fd/{}", descriptor);
}

}  // namespace

std::vector<std::string> pasta_arguments(const RunOptions& options, bool is_root,
                                         bool has_user_namespace) {
  std::vector<std::string> arguments{"pasta", "--foreground", "--quiet", "--config-net",
                                     "--ns-ifname", std::string(kUserInterface),
                                     // Written when pasta serves: to a pipe.
                                     "--pid", path_in_child(STDOUT_FILENO)};
  const std::vector<std::string> common = user_network_arguments(options);
  arguments.insert(arguments.end(), common.begin(), common.end());
  // No port of the host is reached through the container's loopback interface.
  arguments.insert(arguments.end(), {"--tcp-ns", "none", "--udp-ns", "none"});
  if (is_root) {
    // As nobody, its default, it couldn't enter the namespaces.
    arguments.insert(arguments.end(), {"--runas", "0:0"});
  }
  if (has_user_namespace) {
    arguments.insert(arguments.end(), {"--userns", path_in_child(kUserInChild)});
  }
  arguments.insert(arguments.end(), {"--netns", path_in_child(kNetworkInChild)});
  return arguments;
}

Result<void> UserNetwork::start(int network_namespace, int user_namespace,
                                const RunOptions& options) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't create a pipe");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  bothy::ProcessOptions command;
  command.arguments = pasta_arguments(options, ::geteuid() == 0, user_namespace >= 0);
  command.descriptors = {{STDOUT_FILENO, theirs.get()}, {kNetworkInChild, network_namespace}};
  if (user_namespace >= 0) {
    command.descriptors[kUserInChild] = user_namespace;
  }
  command.captured = {STDERR_FILENO};
  command.drop_unread_output = true;
  command.death_signal = SIGKILL;
  // pasta itself makes namespaces, drops capabilities and filters its system calls.
  command.least_privileges = true;
  command.environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin"};
  auto started = Process::start(command);
  if (!started && started.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kUnsupported,
                      "pasta is not installed, and '--network user' needs it: 'apt install passt'");
  }
  BOTHY_TRY(Process process, std::move(started));
  process_.emplace(std::move(process));
  BOTHY_TRY(ready_.own(std::move(ours)));
  BOTHY_TRY(exit_.borrow(process_->pidfd()));
  ready_.wait(FdWatch::Event::kReadable, [this] { on_ready(); });
  exit_.wait(FdWatch::Event::kReadable, [this] { on_exit(); });
  return success();
}

// Its process id, or the end of the pipe when it has ended: then on_exit() follows.
void UserNetwork::on_ready() {
  std::array<char, 32> text{};
  const ssize_t count = ::read(ready_.fd(), text.data(), text.size());
  ready_.close();
  if (count > 0) {
    hooks_.ready();
  }
}

void UserNetwork::on_exit() {
  ready_.close();
  exit_.close();
  process_->read_output({Process::Clock::now() + kMessageTimeout});
  const std::string message = last_line(process_->output(), "syslog");
  process_.reset();
  hooks_.failed(
      fmt::format("pasta, which serves the network, has ended: {} (pasta needs a network "
                  "interface of the host with a default route, and access to "
                  "/dev/net/tun)",
                  message));
}

void UserNetwork::stop() noexcept {
  ready_.close();
  exit_.close();
  process_.reset();
}

}  // namespace bothy::run

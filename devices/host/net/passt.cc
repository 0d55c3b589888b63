#include "devices/host/net/passt.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_pair.h"

// NOLINTNEXTLINE(readability-identifier-naming)
extern char** environ;

namespace bothy {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSocketInChild = 3;
constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kMostWords = 4096;

// posix_spawn's two bags of settings, given back on every way out.
class Spawn {
 public:
  Spawn() noexcept {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    // Our threads block signals; passt ends by some.
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void redirect(int fd, int as) noexcept { ::posix_spawn_file_actions_adddup2(&actions_, fd, as); }

  // The errno value on failure.
  int run(std::vector<std::string>& words, pid_t& pid) noexcept {
    std::vector<char*> arguments;
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    return ::posix_spawnp(&pid, arguments.front(), &actions_, &attributes_, arguments.data(),
                          environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// What is said on `fd` until nobody holds its other end any more, patience ends, or it is
// abandoned.
std::string listen_to(int fd, int abandoned, bool& in_time) {
  const auto deadline = Clock::now() + kPatience;
  std::string words;
  in_time = true;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    std::array<pollfd, 2> waits{{{fd, POLLIN, 0}, {abandoned, POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(),
                             static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0 || waits[1].revents != 0) {
      in_time = false;
      return words;
    }
    std::array<char, 512> piece{};
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got <= 0) {
      return words;
    }
    if (words.size() < kMostWords) {
      words.append(piece.data(), static_cast<std::size_t>(got));
    }
  }
}

// The last line that is not about what passt can't log to.
std::string last_line(std::string_view words) {
  std::string last = "it says nothing";
  while (!words.empty()) {
    const std::size_t end = std::min(words.find('\n'), words.size());
    const std::string_view line = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    if (!line.empty() && line.find("syslog") == std::string_view::npos) {
      last = line;
    }
  }
  return last;
}

Result<void> wait_until_ready(pid_t pid, UniqueFd words_fd, int abandoned) {
  bool in_time = true;
  // It puts itself into the background once it serves, and lets go of its stderr then.
  const std::string words = listen_to(words_fd.get(), abandoned, in_time);
  if (!in_time) {
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return make_error(ErrorCode::kSystem, "passt did not start within {} s", kPatience.count());
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return success();
  }
  return make_error(ErrorCode::kSystem,
                    "passt failed to start: {} (it needs a network interface with a default route)",
                    last_line(words));
}

bool is_in_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path == nullptr ? "" : path; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = fmt::format("{}/{}", rest.substr(0, end), program);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (::access(candidate.c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

// Lines of /proc/net/route are words between tabs: an interface, a destination of eight digits, ...
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
  return is_in_path("passt") && has_default_route();
}

Result<void> serve_by_passt(UniqueFd socket, const PasstOptions& options, int abandoned) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't make a pipe for passt");
  }
  UniqueFd words(ends[0]);
  UniqueFd words_of_child(ends[1]);
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) {
    return errno_error("can't open /dev/null");
  }

  std::vector<std::string> line{"passt", "--quiet", "--fd", std::to_string(kSocketInChild)};
  if (options.mtu) {
    line.insert(line.end(), {"--mtu", std::to_string(*options.mtu)});
  }
  line.insert(line.end(), options.arguments.begin(), options.arguments.end());
  Spawn spawn;
  // In this order: what the child's numbers hide is no longer needed by then, as ours are above.
  spawn.redirect(nothing.get(), STDIN_FILENO);
  spawn.redirect(nothing.get(), STDOUT_FILENO);
  spawn.redirect(words_of_child.get(), STDERR_FILENO);
  spawn.redirect(socket.get(), kSocketInChild);
  pid_t pid = 0;
  const int failure = spawn.run(line, pid);
  if (failure == ENOENT) {
    return make_error(ErrorCode::kUnsupported,
                      "passt isn't installed, which '--net user' needs: 'apt install passt'");
  }
  if (failure != 0) {
    return errno_error("can't run passt", failure);
  }
  socket.reset();
  words_of_child.reset();
  return wait_until_ready(pid, std::move(words), abandoned);
}

Result<std::unique_ptr<PacketSocket>> start_passt(const PasstOptions& options) {
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  BOTHY_TRY(serve_by_passt(std::move(pair.theirs), options, -1));
  return PacketSocket::adopt(std::move(pair.ours), "passt");
}

}  // namespace bothy

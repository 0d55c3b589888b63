#include "oci/inner_hook.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>

#include "base/files.h"
#include "base/poll_timeout.h"
#include "container/launcher.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;
using Clock = std::chrono::steady_clock;

// Appends what there is to read now, and keeps the end. False at the end of the file.
bool read_tail(int pipe, std::string& tail) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::read(pipe, buffer.data(), buffer.size());
  if (count > 0) {
    tail.append(buffer.data(), static_cast<std::size_t>(count));
    tail.erase(0, tail.size() - std::min(tail.size(), bothy::Process::kMaxOutput));
  }
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

// What is left in the pipe of a hook that has ended: its children may write on.
void read_rest(int pipe, std::string& tail) {
  constexpr std::size_t kReads = 32;
  pollfd ready{pipe, POLLIN, 0};
  std::size_t reads = 0;
  while (reads < kReads && (::poll(&ready, 1, 0) > 0) && read_tail(pipe, tail)) {
    ++reads;
  }
}

// The next report, and what the hook writes until then; nothing after the timeout.
std::optional<ct::LaunchReport> wait_for_report(int socket, int output, std::uint32_t timeout,
                                                std::string& tail) {
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(timeout);
  std::array<pollfd, 2> ready{{{socket, POLLIN, 0}, {output, POLLIN, 0}}};
  for (;;) {
    const int left = timeout == 0 ? -1 : poll_timeout(deadline - Clock::now());
    const int count = ::poll(ready.data(), ready.size(), left);
    if (left == 0 && (count <= 0 || ready[0].revents == 0)) {
      return std::nullopt;
    }
    if (count <= 0) {
      continue;
    }
    if (ready[0].revents != 0) {
      read_rest(output, tail);
      return ct::receive_start(socket);
    }
    if (!read_tail(output, tail)) {
      ready[1].fd = -1;
    }
  }
}

}  // namespace

Result<InnerHookEnd> run_inner_hook(int socket, int input, std::uint32_t timeout) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't make a pipe for a hook's output");
  }
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  BOTHY_TRY(set_nonblocking(reader.get()));
  BOTHY_TRY(ct::answer_hook(socket, input, writer.get()));
  writer.reset();
  InnerHookEnd result;
  const auto report = wait_for_report(socket, reader.get(), timeout, result.output);
  if (!report) {
    return result;
  }
  if (report->status == ct::LaunchStatus::kFailed) {
    return Error{code_from_errno(report->error_number), report->message};
  }
  if (report->status != ct::LaunchStatus::kHookEnd) {
    return make_error(ErrorCode::kSystem, "the container's process was killed during a hook");
  }
  result.end.emplace(report->hook_status);
  return result;
}

Result<pid_t> pid_inside(pid_t pid) {
  constexpr std::string_view kName = "\nNSpid:";
  const std::string path = fmt::format("/proc/{}/status", pid);
  BOTHY_TRY(const UniqueFd file, open_file(path, O_RDONLY));
  BOTHY_TRY(const std::string text, read_to_end(file.get(), path));
  const std::size_t begin = text.find(kName);
  const std::size_t end = begin == std::string::npos ? begin : text.find('\n', begin + 1);
  // The innermost namespace's is the last (proc(5)).
  const std::size_t last = end == std::string::npos ? end : text.rfind('\t', end);
  pid_t inside = 0;
  if (last == std::string::npos ||
      std::from_chars(text.data() + last + 1, text.data() + end, inside).ec != std::errc()) {
    return make_error(ErrorCode::kNotFound, "process {} has ended", pid);
  }
  return inside;
}

}  // namespace bothy::oci

#include "bench/measure/child.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/files.h"
#include "base/process.h"
#include "bench/measure/reaper.h"

extern char** environ;

namespace bothy::bench {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't make a pipe");
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<std::string> environment_with(const std::vector<std::string>& additions) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced = std::ranges::any_of(additions, [&](const std::string& addition) {
      return std::string_view(addition).substr(0, addition.find('=')) == name;
    });
    if (!replaced) {
      all.emplace_back(text);
    }
  }
  all.insert(all.end(), additions.begin(), additions.end());
  return all;
}

std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string text = "'";
  for (const char c : word) {
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return text + "'";
}

}  // namespace

std::string Invocation::text() const {
  std::string line = directory.empty() ? "" : "cd " + quoted(directory) + " && ";
  for (const std::string& variable : environment) {
    const auto value = variable.find('=') + 1;
    line += variable.substr(0, value) + quoted(variable.substr(value)) + " ";
  }
  for (const std::string& argument : arguments) {
    line += (&argument == arguments.data() ? "" : " ") + quoted(argument);
  }
  return line;
}

Result<Child> start_child(const Invocation& invocation, Input input) {
  Child child;
  BOTHY_TRY(Pipe out, make_pipe());
  BOTHY_TRY(Pipe err, make_pipe());
  ProcessOptions options;
  options.arguments = invocation.arguments;
  options.environment = environment_with(invocation.environment);
  options.directory = invocation.directory;
  options.new_session = true;
  options.descriptors = {{STDOUT_FILENO, out.write.get()}, {STDERR_FILENO, err.write.get()}};
  Pipe in;
  if (input == Input::kPipe) {
    BOTHY_TRY(in, make_pipe());
    options.descriptors[STDIN_FILENO] = in.read.get();
  }
  BOTHY_TRY(set_nonblocking(out.read.get()));
  BOTHY_TRY(set_nonblocking(err.read.get()));
  child.started_ns = now_ns();
  BOTHY_TRY(Process process, Process::start(options));
  child.pid = process.pid();
  child.pidfd = UniqueFd(::fcntl(process.pidfd(), F_DUPFD_CLOEXEC, 3));
  process.abandon();
  if (!child.pidfd) {
    return errno_error("can't keep a process's descriptor");
  }
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  return child;
}

bool read_available(int fd, std::string& text, std::size_t limit) {
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
      text.erase(0, text.size() - std::min(text.size(), limit));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    } else if (errno == EAGAIN) {
      return true;
    }
  }
}

}  // namespace bothy::bench

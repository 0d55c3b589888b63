#include "run/container/inside_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "container/inside.h"
#include "guest/init/tar.h"

namespace bothy::run {
namespace {

constexpr std::size_t kMaxTasks = 16;  // at a time
constexpr std::chrono::seconds kLookUpTimeout{30};

void set_text(InsideResult& result, std::string_view text) {
  const std::size_t size = std::min(text.size(), result.text.size() - 1);
  std::ranges::copy(text.substr(0, size), result.text.begin());
  result.text[size] = '\0';
}

// realpath(3) needs no /proc, which belongs to another PID namespace there.
void find_path(const std::string& path, InsideResult& result) {
  struct stat status {};
  char* found = ::realpath(path.c_str(), nullptr);
  if (found == nullptr || ::lstat(found, &status) != 0) {
    result.error_number = errno;
    return;
  }
  result.mode = status.st_mode;
  set_text(result, found);
}

void copy_tar(bool into, const std::string& path, InsideResult& result) {
  init::CopyResult copied;
  into ? init::unpack_tar(STDIN_FILENO, path.c_str(), copied)
       : init::pack_tar(STDIN_FILENO, path.c_str(), copied);
  result.error_number = copied.error;
  const init::Text message = copied.message.text();
  set_text(result, std::string_view(message.data, message.size));
}

// "UID GID GROUP...", a newline, and the home directory.
void find_user_here(const std::string& user, InsideResult& result) {
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto found = container::find_user_in_root(user, root.get());
  result.error_number = found ? 0 : EINVAL;
  if (!found) {
    return set_text(result, found.error().context);
  }
  std::string text = fmt::format("{} {}", found.value().user, found.value().group);
  for (const std::uint32_t group : found.value().groups) {
    text += fmt::format(" {}", group);
  }
  text += "\n" + found.value().home;
  if (text.size() >= result.text.size()) {
    result.error_number = EINVAL;
    text = "the user is in too many groups";
  }
  set_text(result, text);
}

Result<container::UserIds> read_user(const InsideResult& result) {
  const std::string_view text = result.text.data();
  if (result.error_number != 0) {
    return make_error(ErrorCode::kInvalid, "{}", printable(text));
  }
  std::vector<std::uint32_t> ids;
  const char* at = text.data();
  const char* const end = at + std::min(text.find('\n'), text.size());
  while (at < end) {
    at += *at == ' ' ? 1 : 0;
    at = std::from_chars(at, end, ids.emplace_back()).ptr;
  }
  container::UserIds user;
  user.user = ids.at(0);
  user.group = ids.at(1);
  user.groups.assign(ids.begin() + 2, ids.end());
  user.home = std::string(end + 1);
  return user;
}

}  // namespace

Result<void> InsideFiles::start(std::uint32_t number, int descriptor, const Body& body,
                                OnEnd on_end) {
  if (tasks_.size() == kMaxTasks) {
    return errno_error("too many copies at the same time", EAGAIN);
  }
  auto task = std::make_unique<Task>(executor_, clock_);
  BOTHY_TRY(task->memory, Mapping::map(sizeof(InsideResult), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0, "a copy's result"));
  const std::vector<int> descriptors(descriptor >= 0 ? 1 : 0, descriptor);
  auto* result = new (task->memory.data()) InsideResult;
  BOTHY_TRY(Process process, container::start_inside(pid_, pidfd_, descriptors, [&] {
              body(*result);
              return 0;
            }));
  task->process.emplace(std::move(process));
  task->on_end = std::move(on_end);
  BOTHY_TRY(task->exit.borrow(task->process->pidfd()));
  task->exit.wait(FdWatch::Event::kReadable, [this, number] { on_exit(number); });
  tasks_[number] = std::move(task);
  return success();
}

void InsideFiles::on_exit(std::uint32_t number) {
  const auto found = tasks_.find(number);
  const std::unique_ptr<Task> task = std::move(found->second);
  tasks_.erase(found);
  task->exit.close();
  const bool finished = task->process->wait().succeeded();
  if (task->on_end) {
    auto* result = reinterpret_cast<InsideResult*>(task->memory.data());
    result->text.back() = '\0';
    task->on_end(finished ? result : nullptr);
  }
}

void InsideFiles::look_up(std::uint32_t request, const std::string& path) {
  const auto started = start(
      request, -1, [&path](InsideResult& result) { find_path(path, result); },
      [this, request](const InsideResult* result) {
        PathInfo info{ETIMEDOUT, 0, {}};
        if (result != nullptr) {
          info = {result->error_number, result->mode, result->text.data()};
        }
        events_.on_path_info(request, info);
      });
  if (!started) {
    return events_.on_path_info(request, {EAGAIN, 0, {}});
  }
  limit(request);
}

Result<void> InsideFiles::find_user(std::uint32_t number, const std::string& user, OnUser found) {
  BOTHY_TRY(start(
      number, -1, [&user](InsideResult& result) { find_user_here(user, result); },
      [found = std::move(found)](const InsideResult* result) {
        found(result != nullptr
                  ? read_user(*result)
                  : make_error(ErrorCode::kSystem, "can't look up the user in the container"));
      }));
  limit(number);
  return success();
}

// A file system of the container may block for ever.
void InsideFiles::limit(std::uint32_t number) {
  Task& task = *tasks_.at(number);
  task.deadline.start(kLookUpTimeout, [&task] { task.process->kill(SIGKILL); });
}

void InsideFiles::copy_in(std::uint32_t number, const std::string& directory) {
  copy(number, true, directory);
}

void InsideFiles::copy_out(std::uint32_t number, const std::string& path) {
  copy(number, false, path);
}

void InsideFiles::copy(std::uint32_t number, bool into, const std::string& path) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return events_.on_copied(number, errno, "can't create a pipe for the copy");
  }
  UniqueFd ours(ends[into ? 1 : 0]);
  const UniqueFd theirs(ends[into ? 0 : 1]);
  const auto started = start(
      number, theirs.get(),
      [&](InsideResult& result) {
        ours.reset();  // the end of its own input
        copy_tar(into, path, result);
      },
      [this, number](const InsideResult* result) {
        if (result == nullptr) {
          return events_.on_copied(number, EINTR, "the copy was killed");
        }
        events_.on_copied(number, result->error_number, printable(result->text.data(), PATH_MAX));
      });
  if (!started) {
    return events_.on_copied(number, EAGAIN, started.error().context);
  }
  events_.on_stream(number, into ? 0 : 1, std::move(ours));
}

// The child is reaped when it has ended: waiting could take as long as the container is paused.
void InsideFiles::forget(std::uint32_t number) {
  if (const auto found = tasks_.find(number); found != tasks_.end()) {
    found->second->on_end = nullptr;
    found->second->process->kill(SIGKILL);
  }
}

}  // namespace bothy::run

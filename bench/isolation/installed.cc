#include "bench/isolation/installed.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/files.h"
#include "bench/host/host.h"

namespace bothy::bench {
namespace {

constexpr std::uint32_t kX32 = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::uint32_t kMostNumbers = 1024;

struct Architecture {
  const char* name;
  std::uint32_t token;  // of libseccomp
  std::uint32_t audit;
  std::uint32_t base;
};
// The ways into an x86-64 kernel.
constexpr std::array kArchitectures{Architecture{"x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0},
                                    Architecture{"i386", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0},
                                    Architecture{"x32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, kX32}};

// A thread that is stopped as long as this lives.
class Stopped {
 public:
  [[nodiscard]] static Result<Stopped> stop(pid_t thread) {
    const auto failed = [&] { return errno_error("can't trace thread " + std::to_string(thread)); };
    if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
      return failed();
    }
    Stopped stopped(thread);
    int status = 0;
    if (::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0 ||
        ::waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) {
      return failed();
    }
    return stopped;
  }
  Stopped(Stopped&& other) noexcept : thread_(std::exchange(other.thread_, -1)) {}
  Stopped& operator=(Stopped&&) = delete;
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  ~Stopped() {
    if (thread_ > 0) {
      ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
    }
  }

  // Its filter of that number, the latest first; nothing behind the last.
  [[nodiscard]] Result<std::optional<Filter>> filter(std::uintptr_t index) const {
    const auto get = [&](sock_filter* into) {
      return ::ptrace(PTRACE_SECCOMP_GET_FILTER, thread_, reinterpret_cast<void*>(index), into);
    };
    const long count = get(nullptr);
    // EINVAL: the thread has no filter at all.
    if (count < 0 && (errno == ENOENT || errno == EINVAL)) {
      return std::optional<Filter>();
    }
    Filter code(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count < 0 || get(code.data()) != count) {
      return errno_error("can't read the seccomp filters of thread " + std::to_string(thread_));
    }
    return std::optional(std::move(code));
  }

 private:
  explicit Stopped(pid_t thread) noexcept : thread_(thread) {}
  pid_t thread_;
};

}  // namespace

Result<std::vector<ThreadFilters>> installed_filters(pid_t process) {
  const std::string directory = "/proc/" + std::to_string(process) + "/task";
  BOTHY_TRY(const std::vector<std::string> names, list_directory(directory));
  std::vector<ThreadFilters> threads;
  for (const std::string& name : names) {
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    BOTHY_TRY(const Stopped stopped, Stopped::stop(thread));
    ThreadFilters found{first_line(directory + "/" + name + "/comm"), {}};
    for (std::uintptr_t index = 0;; ++index) {
      BOTHY_TRY(std::optional<Filter> filter, stopped.filter(index));
      if (!filter) {
        break;
      }
      found.filters.push_back(std::move(*filter));
    }
    threads.push_back(std::move(found));
  }
  return threads;
}

std::vector<Reachable> reachable(const std::vector<Filter>& filters) {
  std::vector<Reachable> all;
  for (const Architecture& architecture : kArchitectures) {
    Reachable& found = all.emplace_back();
    found.architecture = architecture.name;
    for (std::uint32_t i = 0; i < kMostNumbers; ++i) {
      const std::uint32_t number = architecture.base + i;
      char* name = ::seccomp_syscall_resolve_num_arch(architecture.token, static_cast<int>(number));
      if (name == nullptr) {
        continue;
      }
      std::free(name);
      ++found.known;
      const Reach reached = reach(filters, architecture.audit, number);
      found.always += reached == Reach::kAlways ? 1 : 0;
      found.sometimes += reached == Reach::kSometimes ? 1 : 0;
    }
  }
  return all;
}

}  // namespace bothy::bench

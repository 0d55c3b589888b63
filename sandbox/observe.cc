#include "sandbox/observe.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/files.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"

namespace bothy::sandbox {
namespace {

constexpr std::string_view kFilterMode = "2";  // of "Seccomp:", proc(5)

// The value of a line "key:\tvalue"; empty where there is none.
std::string_view field(std::string_view text, std::string_view key) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.size() > key.size() + 1 && line.starts_with(key) && line[key.size()] == ':') {
      const std::size_t value = line.find_first_not_of(" \t", key.size() + 1);
      return value == line.npos ? std::string_view() : line.substr(value);
    }
    at = end + 1;
  }
  return {};
}

// What files of /proc hold has no size beforehand.
std::string content(const std::string& path) {
  const auto fd = open_file(path, 0);
  auto text = fd ? read_to_end(fd.value().get(), path) : Result<std::string>(fd.error());
  return text ? std::move(text).value() : std::string();
}

// Whether the mount at the root is of namespaces of bothy's: "ID PARENT DEVICE / / OPTIONS - TYPE
// SOURCE ...", proc(5).
bool is_empty_root(std::string_view mount) {
  return mount.find(" / / ") != mount.npos &&
         mount.find(fmt::format(" - tmpfs {} ", Namespaces::kRootSource)) != mount.npos;
}

}  // namespace

std::optional<Role> role_of_thread(std::string_view name) noexcept {
  struct Known {
    std::string_view name;
    bool is_prefix;
    Role role;
  };
  constexpr std::array<Known, 5> kKnown{{{"vcpu-", true, Role::kVcpu},
                                         {"devices", false, Role::kDevices},
                                         {"console", false, Role::kConsole},
                                         {"disk-", true, Role::kDisk},
                                         {"net ", true, Role::kNetwork}}};
  for (const Known& each : kKnown) {
    if (each.is_prefix ? name.starts_with(each.name) : name == each.name) {
      return each.role;
    }
  }
  return std::nullopt;
}

ObservedThread observe_thread(std::string_view status, std::string_view mounts) {
  ObservedThread thread;
  thread.name = field(status, "Name");
  thread.role = role_of_thread(thread.name);
  thread.has_filter = field(status, "Seccomp") == kFilterMode;
  thread.no_new_privileges = field(status, "NoNewPrivs") == "1";
  thread.has_capabilities =
      field(status, "CapEff").find_first_not_of('0') != std::string_view::npos;
  for (std::size_t at = 0; at < mounts.size();) {
    const std::size_t end = std::min(mounts.find('\n', at), mounts.size());
    thread.has_empty_root = thread.has_empty_root || is_empty_root(mounts.substr(at, end - at));
    at = end + 1;
  }
  return thread;
}

std::vector<ObservedThread> observe(pid_t process, Role main_role) {
  std::vector<ObservedThread> threads;
  const std::string tasks = fmt::format("/proc/{}/task", process);
  const std::string main_thread = fmt::format("{}", process);
  const auto ids = list_directory(tasks);
  for (const std::string& id : ids ? ids.value() : std::vector<std::string>()) {
    const std::string status = content(fmt::format("{}/{}/status", tasks, id));
    if (status.empty()) {
      continue;
    }
    ObservedThread thread =
        observe_thread(status, content(fmt::format("{}/{}/mountinfo", tasks, id)));
    if (id == main_thread) {
      thread.role = main_role;
      threads.insert(threads.begin(), std::move(thread));
    } else {
      threads.push_back(std::move(thread));
    }
  }
  return threads;
}

std::vector<std::string> missing_layers() {
  std::vector<std::string> missing;
  constexpr std::uint32_t kTrap = SECCOMP_RET_TRAP;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kTrap) != 0) {
    missing.emplace_back("seccomp filters");
  }
  struct Layer {
    int abi;
    std::string_view name;
  };
  constexpr std::array<Layer, 6> kLandlock{{{1, "Landlock (Linux 5.13)"},
                                            {3, "Landlock for truncation (Linux 6.2)"},
                                            {4, "Landlock for TCP (Linux 6.7)"},
                                            {5, "Landlock for devices (Linux 6.10)"},
                                            {6, "Landlock for abstract sockets (Linux 6.12)"},
                                            {9, "Landlock for sockets by path (Linux 7.1)"}}};
  for (const Layer& layer : kLandlock) {
    if (Landlock::abi() < layer.abi) {
      missing.emplace_back(layer.name);
    }
  }
  if (Landlock::abi() < 6 || !Landlock::signals_among_threads()) {
    missing.emplace_back("Landlock for signals (Linux 6.12.23, 6.15)");
  }
  return missing;
}

}  // namespace bothy::sandbox

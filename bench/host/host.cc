#include "bench/host/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/files.h"
#include "base/unique_fd.h"
#include "base/utc_time.h"

namespace bothy::bench {
namespace {

constexpr std::array kClasses{std::pair(HostClass::kBare, std::string_view("bare")),
                              std::pair(HostClass::kNested, std::string_view("nested")),
                              std::pair(HostClass::kEmulated, std::string_view("emulated")),
                              std::pair(HostClass::kNone, std::string_view("none"))};

// The value of a "name : value" line of /proc/cpuinfo.
std::string cpuinfo(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  const auto from = at == std::string_view::npos ? at : text.find(": ", at);
  if (from == std::string_view::npos) {
    return {};
  }
  const auto end = text.find('\n', from);
  return std::string(text.substr(from + 2, end - from - 2));
}

std::string cgroup_version() {
  constexpr long kCgroup2 = 0x63677270;
  struct statfs status {};
  if (::statfs("/sys/fs/cgroup", &status) != 0) {
    return "none";
  }
  if (status.f_type == kCgroup2) {
    return "2: " + first_line("/sys/fs/cgroup/cgroup.controllers");
  }
  return exists("/sys/fs/cgroup/unified") ? "1 and 2 mixed" : "1";
}

}  // namespace

std::string_view name_of(HostClass host_class) noexcept {
  for (const auto& [each, name] : kClasses) {
    if (each == host_class) {
      return name;
    }
  }
  return "";
}

HostClass host_class_of(std::string_view name) noexcept {
  for (const auto& [each, text] : kClasses) {
    if (text == name) {
      return each;
    }
  }
  return HostClass::kNone;
}

std::string file_text(const std::string& path) {
  auto file = open_file(path, O_RDONLY);
  auto text = file ? read_to_end(file.value().get(), path) : Result<std::string>(file.error());
  return text ? std::move(text).value() : std::string();
}

std::string first_line(const std::string& path) {
  const std::string text = file_text(path);
  return text.substr(0, text.find('\n'));
}

std::uint64_t kibibytes_field(std::string_view text, std::string_view name) noexcept {
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool begins_line = at == 0 || text[at - 1] == '\n';
    const std::string_view rest = text.substr(at + name.size());
    if (begins_line && rest.starts_with(':')) {
      const auto digits = rest.find_first_of("0123456789");
      std::uint64_t kibibytes = 0;
      if (digits != std::string_view::npos) {
        std::from_chars(rest.data() + digits, rest.data() + rest.size(), kibibytes);
      }
      return kibibytes << 10U;
    }
  }
  return 0;
}

std::map<std::string, std::string> host_facts() {
  utsname kernel{};
  ::uname(&kernel);
  const std::string cpus = file_text("/proc/cpuinfo");
  const std::string flags = " " + cpuinfo(cpus, "flags") + " ";
  std::map<std::string, std::string> facts{
      {"kernel", kernel.release},
      {"architecture", kernel.machine},
      {"processor", cpuinfo(cpus, "model name")},
      {"processors", std::to_string(::sysconf(_SC_NPROCESSORS_ONLN))},
      {"in a virtual machine", flags.find(" hypervisor ") == std::string::npos ? "no" : "yes"},
      {"memory", fmt::format("{} MiB", total_memory() >> 20U)},
      {"cgroups", cgroup_version()},
      {"load", first_line("/proc/loadavg")},
      {"user", ::geteuid() == 0 ? "root" : "not root"},
      {"kernel command line", first_line("/proc/cmdline")},
  };
  constexpr std::array kFiles{
      std::pair("governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
      std::pair("SMT", "/sys/devices/system/cpu/smt/control"),
      std::pair("THP", "/sys/kernel/mm/transparent_hugepage/enabled"),
      std::pair("KSM", "/sys/kernel/mm/ksm/run"),
      std::pair("clock source", "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
      std::pair("RCU expedited", "/sys/kernel/rcu_expedited"),
      std::pair("swappiness", "/proc/sys/vm/swappiness"),
      std::pair("product", "/sys/class/dmi/id/product_name"),
  };
  for (const auto& [name, path] : kFiles) {
    if (std::string text = first_line(path); !text.empty()) {
      facts[name] = std::move(text);
    }
  }
  return facts;
}

std::uint64_t steal_ticks() {
  // proc(5), stat: user nice system idle iowait irq softirq steal.
  const std::string line = first_line("/proc/stat");
  std::uint64_t value = 0;
  const char* at = line.data() + std::min<std::size_t>(line.size(), 4);
  const char* end = line.data() + line.size();
  for (int field = 0; field < 8 && at < end; ++field) {
    while (at < end && *at == ' ') {
      ++at;
    }
    at = std::from_chars(at, end, value).ptr;
  }
  return value;
}

std::uint64_t available_memory() {
  return kibibytes_field(file_text("/proc/meminfo"), "MemAvailable");
}

std::uint64_t total_memory() {
  return kibibytes_field(file_text("/proc/meminfo"), "MemTotal");
}

std::string time_of_day() {
  const std::string now = utc_now();
  return now.substr(0, now.find('.')) + "Z";
}

Result<unsigned> free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!fd || ::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0) {
    return errno_error("can't find a free port");
  }
  return static_cast<unsigned>(ntohs(address.sin_port));
}

}  // namespace bothy::bench

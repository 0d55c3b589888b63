#include "cli/run/values.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/files.h"
#include "base/key_values.h"
#include "base/units.h"

namespace bothy {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint32_t>, 16> kLimits{{
    {"as", RLIMIT_AS},
    {"core", RLIMIT_CORE},
    {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},
    {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
}};

constexpr std::uint64_t kMaxCpus = 8192;              // of Linux on x86_64, CONFIG_NR_CPUS
constexpr std::uint64_t kMaxProcesses = 1ULL << 22U;  // of Linux, PID_MAX_LIMIT

// "-p: invalid port mapping '80': expected HOST:GUEST"
Error invalid(std::string_view flag, std::string_view what, std::string_view text,
              std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "{}: invalid {} '{}': expected {}", flag, what,
                    printable(text), expected);
}

Result<std::uint16_t> parse_port_number(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return invalid("-p", "port", text, "1 to 65535");
  }
  return number;
}

Result<std::uint64_t> parse_limit(std::string_view text) {
  if (text == "unlimited" || text == "-1") {
    return std::uint64_t{RLIM_INFINITY};
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid("--ulimit", "limit", text, "a number or unlimited");
  }
  return number;
}

Result<void> check_target(std::string_view flag, const std::string& target) {
  if (!target.starts_with('/') || target == "/") {
    return invalid(flag, "target", target, "an absolute path other than /");
  }
  return success();
}

// Sets the source of a volume and its type.
Result<void> set_source(std::string_view flag, std::string_view source, run::Volume& volume) {
  std::error_code error;
  const auto path = std::filesystem::canonical(std::string(source), error);
  if (error) {
    return make_error(ErrorCode::kNotFound, "{}: can't mount '{}': {}", flag, printable(source),
                      error.message());
  }
  volume.file = std::filesystem::is_regular_file(path, error);
  if (!volume.file && !std::filesystem::is_directory(path, error)) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: can't mount '{}': expected a file or a directory", flag,
                      printable(source));
  }
  volume.source = path.string();
  return success();
}

// An IPv6 address is in brackets, as in a URL.
Result<std::string> parse_host_address(std::string_view text) {
  const bool is_ipv6 = text.starts_with('[') && text.ends_with(']');
  std::string address(is_ipv6 ? text.substr(1, text.size() - 2) : text);
  std::array<std::byte, sizeof(in6_addr)> bytes{};
  if (::inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1 ||
      address.find('\0') != std::string::npos) {
    return invalid("-p", "address", text,
                   "an IPv4 address of this host, or an IPv6 address in brackets");
  }
  return address;
}

}  // namespace

Result<std::vector<std::string>> parse_environment(const std::vector<std::string>& texts) {
  std::vector<std::string> variables;
  for (const std::string& text : texts) {
    if (text.find('=') != std::string::npos) {
      variables.push_back(text);
    } else if (const char* value = std::getenv(text.c_str())) {
      variables.push_back(text + "=" + value);
    }
  }
  return variables;
}

Result<std::vector<std::string>> read_environment_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return make_error(ErrorCode::kNotFound, "--env-file: can't read '{}': {}", printable(path),
                      std::strerror(errno));
  }
  std::vector<std::string> texts;
  for (std::string line; std::getline(file, line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin != std::string::npos && line[begin] != '#') {
      texts.push_back(line.substr(begin));
    }
  }
  return parse_environment(texts);
}

Result<run::PublishedPort> parse_published_port(std::string_view text) {
  run::PublishedPort port;
  std::string_view rest = text;
  if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
    const std::string_view protocol = rest.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
      return invalid("-p", "protocol", protocol, "tcp or udp");
    }
    port.udp = protocol == "udp";
    rest = rest.substr(0, slash);
  }
  const std::size_t last = rest.rfind(':');
  if (last == std::string_view::npos) {
    return invalid("-p", "port mapping", text, "HOST:GUEST");
  }
  BOTHY_TRY(port.guest, parse_port_number(rest.substr(last + 1)));
  rest = rest.substr(0, last);
  if (const std::size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    BOTHY_TRY(port.address, parse_host_address(rest.substr(0, colon)));
    rest = rest.substr(colon + 1);
  }
  BOTHY_TRY(port.host, parse_port_number(rest));
  return port;
}

Result<run::Volume> parse_volume(std::string_view text) {
  run::Volume volume;
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos) {
    return invalid("-v", "volume", text, "SOURCE:TARGET[:ro]");
  }
  const std::size_t second = text.find(':', first + 1);
  volume.target = text.substr(first + 1, second - first - 1);
  if (second != std::string_view::npos) {
    const std::string_view mode = text.substr(second + 1);
    if (mode != "ro" && mode != "rw") {
      return invalid("-v", "mode", mode, "ro or rw");
    }
    volume.read_only = mode == "ro";
  }
  BOTHY_TRY(check_target("-v", volume.target));
  BOTHY_TRY(set_source("-v", text.substr(0, first), volume));
  return volume;
}

Result<void> parse_mount(std::string_view text, run::RunOptions& options) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--mount", text, ""));
  BOTHY_TRY(const auto type, values.take_choice("type", {"bind", "tmpfs"}));
  std::optional<std::string> source;
  std::optional<std::string> target;
  for (const char* key : {"source", "src"}) {
    BOTHY_TRY(auto value, values.take_value(key));
    if (value) {
      source = std::move(value);
    }
  }
  for (const char* key : {"target", "dst", "destination"}) {
    BOTHY_TRY(auto value, values.take_value(key));
    if (value) {
      target = std::move(value);
    }
  }
  BOTHY_TRY(const bool readonly, values.take_switch("readonly"));
  BOTHY_TRY(const bool ro, values.take_switch("ro"));
  BOTHY_TRY(const auto size, values.take_value("tmpfs-size"));
  BOTHY_TRY(values.finish());
  if (!target) {
    return values.complain("missing target");
  }
  BOTHY_TRY(check_target("--mount", *target));
  if (type.value_or("bind") == "tmpfs") {
    options.tmpfs.push_back({*target, size ? "size=" + *size : ""});
    return success();
  }
  if (!source) {
    return values.complain("missing source of a bind mount");
  }
  run::Volume volume;
  BOTHY_TRY(set_source("--mount", *source, volume));
  volume.target = *target;
  volume.read_only = readonly || ro;
  options.volumes.push_back(std::move(volume));
  return success();
}

Result<run::TmpfsMount> parse_tmpfs(std::string_view text) {
  const std::size_t colon = text.find(':');
  run::TmpfsMount mount{std::string(text.substr(0, colon)),
                        colon == std::string_view::npos ? "" : std::string(text.substr(colon + 1))};
  BOTHY_TRY(check_target("--tmpfs", mount.target));
  return mount;
}

Result<run::Rlimit> parse_rlimit(std::string_view text) {
  const std::size_t equals = text.find('=');
  for (const auto& [name, resource] : kLimits) {
    if (equals == std::string_view::npos || text.substr(0, equals) != name) {
      continue;
    }
    const std::string_view values = text.substr(equals + 1);
    const std::size_t colon = values.find(':');
    run::Rlimit limit{resource, 0, 0};
    BOTHY_TRY(limit.soft, parse_limit(values.substr(0, colon)));
    limit.hard = limit.soft;
    if (colon != std::string_view::npos) {
      BOTHY_TRY(limit.hard, parse_limit(values.substr(colon + 1)));
    }
    if (limit.soft > limit.hard) {
      return invalid("--ulimit", "limit", text, "a soft limit of at most the hard one");
    }
    return limit;
  }
  return invalid("--ulimit", "limit", text, "NAME=SOFT[:HARD], with a name such as nofile");
}

Result<run::Pull> parse_pull(std::string_view text) {
  if (text == "always") {
    return run::Pull::kAlways;
  }
  if (text == "never") {
    return run::Pull::kNever;
  }
  if (text == "missing") {
    return run::Pull::kMissing;
  }
  return invalid("--pull", "policy", text, "missing, never or always");
}

Result<void> parse_network(std::string_view text, run::RunOptions& options) {
  constexpr std::string_view kTapPrefix = "tap=";
  constexpr std::string_view kPathPrefix = "ns:";
  if (text == "user") {
    options.network = run::Network::kUser;
  } else if (text == "none") {
    options.network = run::Network::kNone;
  } else if (text == "host") {
    options.network = run::Network::kHost;
  } else if (text.starts_with(kTapPrefix) && text.size() > kTapPrefix.size()) {
    options.network = run::Network::kTap;
    options.network_name = text.substr(kTapPrefix.size());
  } else if (text.starts_with(kPathPrefix) && text.size() > kPathPrefix.size()) {
    std::error_code error;
    const std::string path(text.substr(kPathPrefix.size()));
    options.network = run::Network::kNamespace;
    options.network_name = std::filesystem::absolute(path, error).string();
  } else {
    return invalid("--network", "network", text, "user, none, tap=NAME, host or ns:PATH");
  }
  return success();
}

Result<std::uint64_t> parse_cpus(std::string_view text) {
  constexpr std::uint64_t kThousandths = 1000;
  std::uint64_t whole = 0;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, whole);
  std::uint64_t part = 0;
  bool valid = error == std::errc() && whole <= kMaxCpus;
  if (valid && at != end) {
    const std::string_view digits(at + 1, static_cast<std::size_t>(end - at - 1));
    const auto parsed = std::from_chars(digits.data(), end, part);
    valid = *at == '.' && !digits.empty() && digits.size() <= 3 && parsed.ptr == end &&
            digits.front() != '-';
    for (std::size_t i = digits.size(); i < 3; ++i) {
      part *= 10;
    }
  }
  if (!valid || whole + part == 0) {
    return invalid("--cpus", "number of CPUs", text, "a number such as 2 or 0.5");
  }
  return whole * kThousandths + part;
}

Result<std::uint64_t> parse_memory_limit(std::string_view text) {
  BOTHY_TRY(const std::uint64_t bytes, parse_size(text));
  if (bytes == 0) {
    return invalid("-m", "amount of memory", text, "a size such as 512M");
  }
  return bytes;
}

Result<std::uint64_t> parse_process_limit(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0 ||
      number > kMaxProcesses) {
    return invalid("--pids-limit", "number of processes", text, "1 to 4194304");
  }
  return number;
}

}  // namespace bothy

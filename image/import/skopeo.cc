#include "image/import/skopeo.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/find_program.h"
#include "base/process.h"
#include "sandbox/landlock.h"
#include "sandbox/program_paths.h"

namespace bothy::image {
namespace {

constexpr std::string_view kDocker = "docker://";
constexpr std::string_view kMessage = "msg=\"";

// What Go's network and TLS packages say of a host that can't be talked to.
constexpr std::array<std::string_view, 9> kUnreachable{
    "connection refused", "no such host",          "network is unreachable",
    "no route to host",   "i/o timeout",           "connection reset by peer",
    "server misbehaving", "TLS handshake timeout", "context deadline exceeded"};
constexpr std::array<std::string_view, 3> kDenied{"unauthorized", "authentication required",
                                                  "denied"};
constexpr std::array<std::string_view, 2> kUnknown{"manifest unknown", "name unknown"};

template <std::size_t N>
bool contains_any(std::string_view text, const std::array<std::string_view, N>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

// The message of the last line, without what skopeo's logger puts around it.
std::string last_message(std::string_view output) {
  while (output.ends_with('\n')) {
    output.remove_suffix(1);
  }
  output = output.substr(output.rfind('\n') + 1);
  if (const std::size_t message = output.find(kMessage); message != std::string_view::npos) {
    output = output.substr(message + kMessage.size());
    output = output.substr(0, output.rfind('"'));
  }
  std::string text;
  for (std::size_t i = 0; i < output.size(); ++i) {
    i += output[i] == '\\' && i + 1 < output.size() && output[i + 1] == '"' ? 1 : 0;
    text += output[i];
  }
  return text;
}

// "dial tcp 127.0.0.1:5000: connect: connection refused" -> "connection refused".
std::string innermost(const std::string& message) {
  const std::size_t colon = message.rfind(": ");
  return printable(colon == std::string::npos ? message : message.substr(colon + 2));
}

std::string registry_of(std::string_view reference) {
  if (!reference.starts_with(kDocker)) {
    return {};
  }
  reference.remove_prefix(kDocker.size());
  return printable(reference.substr(0, reference.find('/')));
}

// Of this process's environment: where the user's settings, credentials and certificates are, and
// how registries are reached.
constexpr std::array<std::string_view, 19> kVariables{"PATH",
                                                      "HOME",
                                                      "USER",
                                                      "XDG_RUNTIME_DIR",
                                                      "XDG_CONFIG_HOME",
                                                      "XDG_DATA_HOME",
                                                      "REGISTRY_AUTH_FILE",
                                                      "DOCKER_CONFIG",
                                                      "DOCKER_HOST",
                                                      "SSL_CERT_FILE",
                                                      "SSL_CERT_DIR",
                                                      "DBUS_SESSION_BUS_ADDRESS",
                                                      "HTTP_PROXY",
                                                      "HTTPS_PROXY",
                                                      "NO_PROXY",
                                                      "http_proxy",
                                                      "https_proxy",
                                                      "no_proxy",
                                                      "CONTAINERS_REGISTRIES_CONF"};

std::string variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::string() : std::string(value);
}

std::vector<std::string> environment(const std::string& scratch) {
  std::vector<std::string> all{"TMPDIR=" + scratch};
  for (const std::string_view name : kVariables) {
    if (const std::string value = variable(name); !value.empty()) {
      all.push_back(fmt::format("{}={}", name, value));
    }
  }
  return all;
}

// Rootless storage, and what is behind it, needs programs with privileges of their own.
bool is_own_storage(std::string_view source) {
  return source.starts_with("containers-storage:");
}

// Where skopeo finds credentials, settings and certificates (containers-auth.json(5),
// containers-registries.conf(5), containers-certs.d(5)).
std::vector<std::string> settings() {
  std::vector<std::string> paths;
  const auto add = [&](std::string_view name, std::string_view below) {
    if (const std::string value = variable(name); value.starts_with('/')) {
      paths.push_back(value + std::string(below));
    }
  };
  add("XDG_RUNTIME_DIR", "/containers");
  add("XDG_CONFIG_HOME", "/containers");
  add("HOME", "/.config/containers");
  add("HOME", "/.docker");
  add("REGISTRY_AUTH_FILE", "");
  add("DOCKER_CONFIG", "");
  add("SSL_CERT_FILE", "");
  add("SSL_CERT_DIR", "");
  // Of root, and what /etc/resolv.conf and certificates may be links to.
  paths.insert(paths.end(), {"/run/containers", "/run/systemd/resolve", "/run/resolvconf",
                             "/run/NetworkManager", "/var/lib/ca-certificates"});
  return paths;
}

// What skopeo may reach by paths while it talks to a registry. Other transports read wherever their
// user says; and a skopeo that isn't the host's own has its libraries anywhere.
Result<sandbox::Landlock> confine(const std::string& scratch) {
  using sandbox::Landlock;
  // Registries are reached by TCP, credentials perhaps through D-Bus.
  BOTHY_TRY(Landlock landlock, Landlock::make({false, false}));
  BOTHY_TRY(sandbox::allow_programs(landlock));
  for (const std::string& path : settings()) {
    BOTHY_TRY(landlock.allow_path(path, Landlock::kRead | Landlock::kList));
  }
  BOTHY_TRY(landlock.allow_path("/run", Landlock::kConnect));
  BOTHY_TRY(landlock.allow_path(scratch, Landlock::kRead | Landlock::kList | Landlock::kWrite |
                                             Landlock::kMake | Landlock::kRemove));
  return landlock;
}

bool is_confined(std::string_view source) {
  const auto program = find_program("skopeo", path_variable());
  return source.starts_with(kDocker) && program &&
         (program->starts_with("/usr/bin/") || program->starts_with("/bin/"));
}

Result<Process> start(ProcessOptions options, std::string_view source, const std::string& scratch,
                      std::uint64_t max_file_size) {
  options.captured = {STDERR_FILENO};
  options.death_signal = SIGKILL;
  options.environment = environment(scratch);
  options.least_privileges = !is_own_storage(source);
  std::optional<sandbox::Landlock> landlock;
  if (is_confined(source)) {
    BOTHY_TRY(sandbox::Landlock made, confine(scratch));
    landlock.emplace(std::move(made));
  }
  options.before_exec = [max_file_size, &landlock]() -> const char* {
    const rlimit limit{max_file_size, max_file_size};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) {
      return "limit the size of files";
    }
    return landlock ? landlock->restrict_thread() : nullptr;
  };
  auto process = Process::start(options);
  if (!process && process.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kNotFound,
                      "skopeo, which pulls images, is not installed: install the package skopeo");
  }
  return process;
}

Error unreachable(const std::string& registry, const std::string& reason,
                  std::string_view remedy = {}) {
  return make_error(ErrorCode::kSystem,
                    "can't reach registry '{}': {} (check the network and HTTPS_PROXY{})", registry,
                    reason, remedy);
}

}  // namespace

Skopeo::Skopeo(const Platform& platform)
    : arguments_{"skopeo", "--override-os", platform.os, "--override-arch", platform.architecture} {
  if (!platform.variant.empty()) {
    arguments_.insert(arguments_.end(), {"--override-variant", platform.variant});
  }
}

Result<std::string> Skopeo::manifest(const std::string& reference, const std::string& scratch,
                                     std::chrono::milliseconds timeout) const {
  const std::string path = scratch + "/manifest";
  BOTHY_TRY(const UniqueFd file, open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
  ProcessOptions options;
  options.arguments = arguments_;
  options.arguments.insert(options.arguments.end(), {"inspect", "--raw", reference});
  options.descriptors = {{STDOUT_FILENO, file.get()}};
  BOTHY_TRY(Process process, start(std::move(options), reference, scratch, kMaxDocumentSize + 1));
  Process::ReadLimits limits;
  limits.deadline = Process::Clock::now() + timeout;
  if (process.read_output(limits) == Process::OutputEnd::kDeadline) {
    const auto seconds = std::chrono::duration<double>(timeout).count();
    return unreachable(registry_of(reference), fmt::format("no answer within {:g} s", seconds),
                       "; 'bothy image pull --timeout' waits longer");
  }
  if (!process.wait().succeeded()) {
    return skopeo_error(reference, process.output());
  }
  return read_file(path, kMaxDocumentSize);
}

Result<void> Skopeo::copy(const std::string& source, const std::string& layout,
                          const std::string& scratch, std::uint64_t max_file_size,
                          const std::function<bool()>& on_tick) const {
  ProcessOptions options;
  options.arguments = arguments_;
  options.arguments.insert(options.arguments.end(),
                           {"copy", "--quiet", source, "oci:" + layout + ":pulled"});
  BOTHY_TRY(Process process, start(std::move(options), source, scratch, max_file_size));
  Process::ReadLimits limits;
  limits.on_tick = [&] {
    if (!on_tick()) {
      process.kill(SIGKILL);
    }
  };
  process.read_output(limits);
  if (const ProcessEnd end = process.wait(); !end.succeeded()) {
    return process.output().empty()
               ? make_error(ErrorCode::kSystem, "skopeo ended with {}", end.describe())
               : skopeo_error(source, process.output());
  }
  return success();
}

Error stall_error(std::string_view reference, std::chrono::seconds time) {
  return make_error(
      ErrorCode::kSystem,
      "registry '{}' has sent nothing for {} s (check the network and HTTPS_PROXY, and pull again)",
      registry_of(reference), time.count());
}

Error skopeo_error(std::string_view reference, std::string_view output) {
  const std::string message = last_message(output);
  const std::string registry = registry_of(reference);
  if (message.empty()) {
    return make_error(ErrorCode::kSystem, "skopeo failed without a message");
  }
  if (!registry.empty() && contains_any(message, kUnreachable)) {
    return unreachable(registry, innermost(message));
  }
  if (const std::size_t at = message.find("x509: "); !registry.empty() && at != std::string::npos) {
    return unreachable(registry, printable(message.substr(at)));
  }
  if (!registry.empty() && contains_any(message, kUnknown)) {
    return make_error(ErrorCode::kNotFound, "registry '{}' has no such image ({})", registry,
                      innermost(message));
  }
  if (!registry.empty() && contains_any(message, kDenied)) {
    // The hub says so of names that don't exist too.
    return make_error(ErrorCode::kPermission,
                      "registry '{}' has no such image, or wants a login ({}): check the name, or "
                      "run 'skopeo login {}'",
                      registry, innermost(message), registry);
  }
  return make_error(ErrorCode::kBadInput, "skopeo: {}", printable(message));
}

}  // namespace bothy::image

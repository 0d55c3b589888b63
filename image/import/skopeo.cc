#include "image/import/skopeo.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "base/files.h"
#include "base/process.h"

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

Result<Process> start(ProcessOptions options, std::uint64_t max_file_size) {
  options.captured = {STDERR_FILENO};
  options.death_signal = SIGKILL;
  options.before_exec = [max_file_size]() -> const char* {
    const rlimit limit{max_file_size, max_file_size};
    return ::setrlimit(RLIMIT_FSIZE, &limit) == 0 ? nullptr : "limit the size of files";
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
  BOTHY_TRY(Process process, start(std::move(options), kMaxDocumentSize + 1));
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
                          std::uint64_t max_file_size, const std::function<bool()>& on_tick) const {
  ProcessOptions options;
  options.arguments = arguments_;
  options.arguments.insert(options.arguments.end(),
                           {"copy", "--quiet", source, "oci:" + layout + ":pulled"});
  BOTHY_TRY(Process process, start(std::move(options), max_file_size));
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

#include "run/run_spec.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <optional>
#include <utility>

#include "base/files.h"

namespace bothy::run {
namespace {

constexpr std::string_view kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

constexpr std::array<std::pair<std::string_view, int>, 31> kSignals{{
    {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"ILL", SIGILL},
    {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},     {"BUS", SIGBUS},   {"FPE", SIGFPE},
    {"KILL", SIGKILL}, {"USR1", SIGUSR1},     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},     {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT},
    {"CHLD", SIGCHLD}, {"CONT", SIGCONT},     {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},   {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},     {"PWR", SIGPWR},       {"SYS", SIGSYS},
}};

// As the guest's Linux counts them, and kill(1) names them.
constexpr int kFirstRealTime = 34;
constexpr int kLastRealTime = 64;

// Digits alone.
std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && text.front() != '-' ? std::optional(number) : std::nullopt;
}

// The distance from `base`, as in RTMIN+3: `sign` and digits, or nothing.
std::optional<int> real_time(std::string_view name, std::string_view base, char sign) {
  if (!name.starts_with(base)) {
    return std::nullopt;
  }
  name.remove_prefix(base.size());
  if (name.empty()) {
    return 0;
  }
  const auto distance = name.front() == sign ? whole_number(name.substr(1)) : std::nullopt;
  return distance && *distance <= kLastRealTime - kFirstRealTime ? distance : std::nullopt;
}

std::optional<int> number_of_name(std::string_view name) {
  for (const auto& [known, value] : kSignals) {
    if (name == known) {
      return value;
    }
  }
  if (const auto up = real_time(name, "RTMIN", '+')) {
    return kFirstRealTime + *up;
  }
  if (const auto down = real_time(name, "RTMAX", '-')) {
    return kLastRealTime - *down;
  }
  return std::nullopt;
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

// The last value of a name counts.
Result<void> set_variable(std::vector<std::string>& environment, const std::string& variable) {
  const std::string_view name = name_of(variable);
  if (name.empty() || name.size() == variable.size()) {
    return make_error(ErrorCode::kInvalid, "invalid environment variable '{}': expected NAME=VALUE",
                      printable(variable));
  }
  std::erase_if(environment, [&](const std::string& each) { return name_of(each) == name; });
  environment.push_back(variable);
  return success();
}

bool has_variable(const std::vector<std::string>& environment, std::string_view name) {
  return std::ranges::any_of(environment,
                             [&](const std::string& each) { return name_of(each) == name; });
}

Result<void> complete(ProcessSpec& process, const ProcessOptions& options) {
  for (const std::string& variable : options.environment) {
    BOTHY_TRY(set_variable(process.environment, variable));
  }
  if (!has_variable(process.environment, "PATH")) {
    process.environment.emplace_back(kDefaultPath);
  }
  process.interactive = options.interactive;
  process.terminal = options.terminal;
  process.columns = options.columns;
  process.rows = options.rows;
  if (process.terminal && !has_variable(process.environment, "TERM")) {
    process.environment.emplace_back("TERM=xterm");
  }
  if (!options.directory.empty()) {
    process.directory = options.directory;
  }
  if (!options.user.empty()) {
    process.user = options.user;
  }
  if (!process.directory.starts_with('/')) {
    return make_error(ErrorCode::kInvalid,
                      "invalid working directory '{}': expected an absolute path",
                      printable(process.directory));
  }
  return success();
}

}  // namespace

Result<ProcessSpec> first_process(const RunOptions& options, const image::ImageConfig& image) {
  ProcessSpec process;
  // An entrypoint of the options replaces the image's command too.
  process.arguments = image.entrypoint;
  if (options.entrypoint) {
    process.arguments.clear();
    if (!options.entrypoint->empty()) {
      process.arguments.push_back(*options.entrypoint);
    }
  }
  const auto& rest =
      !options.arguments.empty() || options.entrypoint ? options.arguments : image.command;
  process.arguments.insert(process.arguments.end(), rest.begin(), rest.end());
  if (process.arguments.empty()) {
    return make_error(ErrorCode::kInvalid,
                      "the image has no default command: add one, as in 'bothy run {} sh'",
                      printable(options.image));
  }
  for (const std::string& variable : image.environment) {
    BOTHY_TRY(set_variable(process.environment, variable));
  }
  if (!image.working_directory.empty()) {
    process.directory = image.working_directory;
  }
  process.user = image.user;
  BOTHY_TRY(complete(process, options.process));
  if (!options.hostname.empty()) {
    BOTHY_TRY(set_variable(process.environment, "HOSTNAME=" + options.hostname));
  }
  return process;
}

Result<ProcessSpec> further_process(const ProcessSpec& first, const ProcessOptions& options,
                                    std::vector<std::string> arguments) {
  ProcessSpec process = first;
  process.arguments = std::move(arguments);
  if (process.arguments.empty()) {
    return make_error(ErrorCode::kInvalid, "missing command");
  }
  BOTHY_TRY(complete(process, options));
  return process;
}

std::uint64_t random_token() noexcept {
  std::uint64_t token = 0;
  while (::getrandom(&token, sizeof(token), 0) != sizeof(token)) {
  }
  return token;
}

Result<int> signal_number(const std::string& text) {
  std::string upper = text;
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  std::string_view name = upper;
  auto number = whole_number(name);
  if (!number) {
    name.remove_prefix(name.starts_with("SIG") ? 3 : 0);
    number = number_of_name(name);
  }
  if (!number || *number < 1 || *number > kLastRealTime) {
    return make_error(ErrorCode::kInvalid,
                      "unknown signal '{}': expected a name such as TERM, or 1 to {}",
                      printable(text), kLastRealTime);
  }
  return *number;
}

}  // namespace bothy::run

#include "cli/run/command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <memory>
#include <span>
#include <utility>

#include "arch/cpu_features.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/instances/report.h"
#include "cli/json_text.h"
#include "cli/process_clock.h"
#include "cli/progress_line.h"
#include "cli/run/flags.h"
#include "run/client.h"
#include "run/start.h"

namespace bothy {
namespace {

struct RunFlags {
  run::RunOptions options;
  std::vector<std::string> environment;
  std::vector<std::string> environment_files;
  std::vector<std::string> labels;
  std::vector<std::string> volumes;
  std::vector<std::string> mounts;
  std::vector<std::string> tmpfs;
  std::vector<std::string> ports;
  std::vector<std::string> limits;
  std::string entrypoint;
  std::string cpu_features;
  std::string memory = "512M";
  std::string storage;
  std::string network = "user";
  std::string pull = "missing";
  std::string timeout;
  bool json = false;
};

Result<void> resolve_process(const RunFlags& flags, run::RunOptions& options) {
  for (const std::string& path : flags.environment_files) {
    BOTHY_TRY(const auto variables, read_environment_file(path));
    options.process.environment.insert(options.process.environment.end(), variables.begin(),
                                       variables.end());
  }
  BOTHY_TRY(const auto variables, parse_environment(flags.environment));
  options.process.environment.insert(options.process.environment.end(), variables.begin(),
                                     variables.end());
  for (const std::string& label : flags.labels) {
    const std::size_t equals = label.find('=');
    options.labels[label.substr(0, equals)] =
        equals == std::string::npos ? "" : label.substr(equals + 1);
  }
  for (const std::string& limit : flags.limits) {
    BOTHY_TRY(auto rlimit, parse_rlimit(limit));
    options.rlimits.push_back(rlimit);
  }
  return success();
}

Result<void> resolve_machine(const RunFlags& flags, run::RunOptions& options) {
  for (const std::string& text : flags.volumes) {
    BOTHY_TRY(auto volume, parse_volume(text));
    options.volumes.push_back(std::move(volume));
  }
  for (const std::string& text : flags.mounts) {
    BOTHY_TRY(parse_mount(text, options));
  }
  for (const std::string& text : flags.tmpfs) {
    BOTHY_TRY(auto mount, parse_tmpfs(text));
    options.tmpfs.push_back(std::move(mount));
  }
  for (const std::string& text : flags.ports) {
    BOTHY_TRY(auto port, parse_published_port(text));
    options.ports.push_back(std::move(port));
  }
  BOTHY_TRY(parse_network(flags.network, options));
  if (!options.ports.empty() && options.network != run::Network::kUser) {
    return make_error(ErrorCode::kInvalid, "-p needs --network user");
  }
  if (!options.dns.empty() && options.network == run::Network::kNone) {
    return make_error(ErrorCode::kInvalid, "--dns needs a network");
  }
  if (!options.modules.empty() && options.kernel.empty()) {
    return make_error(ErrorCode::kInvalid, "--modules needs the --kernel that they are for");
  }
  BOTHY_TRY(options.cpu_features, arch::CpuFeatures::parse(flags.cpu_features));
  BOTHY_TRY(options.memory, parse_size(flags.memory));
  if (!flags.storage.empty()) {
    BOTHY_TRY(options.storage, parse_size(flags.storage));
  }
  if (!flags.timeout.empty()) {
    BOTHY_TRY(options.timeout, parse_duration(flags.timeout));
  }
  return success();
}

Result<run::RunOptions> resolve(const RunFlags& flags, std::vector<std::string> words,
                                bool has_entrypoint) {
  run::RunOptions options = flags.options;
  if (words.empty() || words.front().starts_with('-')) {
    return words.empty()
               ? make_error(ErrorCode::kInvalid, "which image? (bothy run --help says more)")
               : make_error(ErrorCode::kInvalid, "there is no flag {} (bothy run --help says more)",
                            words.front());
  }
  options.image = words.front();
  BOTHY_TRY(options.pull, parse_pull(flags.pull));
  BOTHY_TRY(check_isolation(options.isolation));
  options.arguments.assign(words.begin() + 1, words.end());
  if (has_entrypoint) {
    options.entrypoint = flags.entrypoint;
  }
  if (options.detach && options.process.terminal && !options.process.interactive) {
    options.process.interactive = true;  // a terminal that can be attached to later
  }
  run::take_terminal_size(options.process);
  BOTHY_TRY(resolve_process(flags, options));
  BOTHY_TRY(resolve_machine(flags, options));
  return options;
}

// As `bothy inspect` shows it; of one that is gone already, what is known.
boost::json::object describe(const run::Started& started, run::State otherwise) {
  if (const auto state = started.instance.state()) {
    return instance_json({started.settings, state.value()});
  }
  auto object = instance_json({started.settings, std::move(otherwise)});
  object.erase("owner");
  object.erase("started");
  return object;
}

// What its owner had to say, the end of it, comes after all that is the command's.
void repeat_messages(const UniqueFd& messages) {
  std::array<std::byte, 8192> end;
  const off_t size = std::max(::lseek(messages.get(), 0, SEEK_END), off_t{0});
  const off_t skipped = std::max(size - static_cast<off_t>(end.size()), off_t{0});
  const ssize_t count = ::pread(messages.get(), end.data(), end.size(), skipped);
  if (count > 0) {
    static_cast<void>(
        run::write_out(STDERR_FILENO, std::span(end).first(static_cast<std::size_t>(count))));
  }
}

Result<int> run_detached(run::Started& started, bool json) {
  started.held.release();
  BOTHY_TRY(const auto answer, run::hear(started.socket.get()));
  BOTHY_TRY(const run::Outcome outcome, run::start_outcome(answer));
  if (!outcome.words.empty()) {
    log_line(LogLevel::kError, outcome.words);
    return outcome.code;
  }
  if (json) {
    run::State gone;
    gone.status = run::Status::kExited;
    write_result(pretty_json(describe(started, std::move(gone))));
  } else {
    write_result(started.settings.id);
  }
  return exit_status::kSuccess;
}

// On one line of stderr, which ends it: stdout is the command's.
void tell_end(const run::Started& started, const run::Outcome& outcome) {
  run::State state;
  state.status = run::Status::kExited;
  state.finished = std::time(nullptr);
  state.exit_code = outcome.code;
  state.error = outcome.words;
  const std::string line = boost::json::serialize(describe(started, std::move(state))) + "\n";
  static_cast<void>(run::write_out(STDERR_FILENO, std::as_bytes(std::span(line))));
}

Result<int> run_it(const run::RunOptions& options, bool json) {
  std::optional<run::Started> started;
  {
    ProgressLine line;
    BOTHY_TRY(auto made,
              run::start(options, [&line](std::string_view what, std::uint64_t done,
                                          std::uint64_t all) { line.update(what, done, all); }));
    started.emplace(std::move(made));
  }
  if (options.detach) {
    return run_detached(*started, json);
  }
  run::Conversation conversation;
  conversation.input = options.process.interactive;
  conversation.terminal = options.process.terminal;
  conversation.api = started->instance.api_path();
  auto conversed = run::converse(started->socket, conversation);
  const run::Outcome outcome =
      conversed ? std::move(conversed).value()
                : run::Outcome{exit_status::kOwnFailure, conversed.error().context, {}};
  if (options.trace) {
    started->timeline.append(outcome.timeline);
    started->timeline.mark("all is told");
    log_line(LogLevel::kError, "timing\n" + started->timeline.table(process_start()));
  }
  if (outcome.code == run::kDetached) {
    return exit_status::kSuccess;
  }
  repeat_messages(started->messages);
  if (!outcome.words.empty()) {
    log_line(LogLevel::kError, outcome.words);
  }
  if (json) {
    tell_end(*started, outcome);
  }
  return outcome.code;
}

void add_process_flags(CLI::App& command, RunFlags& flags) {
  run::ProcessOptions& process = flags.options.process;
  command.add_flag("-i,--interactive", process.interactive, "stdin goes to it");
  command.add_flag("-t,--tty", process.terminal, "It has a terminal");
  command.add_option("-e,--env", flags.environment, "A variable, NAME=VALUE, or NAME for our own")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--env-file", flags.environment_files, "A file of variables")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("-w,--workdir", process.directory, "Its working directory");
  command.add_option("-u,--user", process.user, "USER[:GROUP], names or numbers");
}

void add_instance_flags(CLI::App& command, RunFlags& flags) {
  run::RunOptions& options = flags.options;
  command.add_flag("-d,--detach", options.detach, "Leave it running, and print its id");
  command.add_flag(
      "--json", flags.json,
      "What 'bothy inspect' says: with -d instead of the id, else as stderr's last line");
  command.add_option("--isolation", options.isolation, "What runs it: vm, a microVM of its own")
      ->envname("BOTHY_ISOLATION")
      ->capture_default_str();
  command.add_flag("--rm", options.remove, "Remove it when it has ended");
  command.add_option("--name", options.name, "What to call it");
  command.add_option("--entrypoint", flags.entrypoint, "Instead of the image's; '' for none");
  command.add_option("--hostname", options.hostname, "Its host's name");
  command.add_option("--label", flags.labels, "KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--stop-signal", options.stop_signal, "What 'bothy stop' sends");
  command.add_option("--stop-timeout", options.stop_timeout, "Seconds from that to SIGKILL");
  command.add_flag("--init", options.init, "Reap orphans (they always are)");
  command.add_option("--ulimit", flags.limits, "NAME=SOFT[:HARD]")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--timeout", flags.timeout, "End it after this long, with status 124");
  command.add_flag("--trace-timing", options.trace, "Say on stderr where the time went");
  command.add_option("--pull", flags.pull, "Fetch the image: missing, never or always")
      ->capture_default_str();
  command.add_option("--store", options.store, "The directory that images are in (or BOTHY_STORE)");
}

void add_machine_flags(CLI::App& command, RunFlags& flags) {
  run::RunOptions& options = flags.options;
  command.add_option("--cpus", options.cpus, "Number of vCPUs")->capture_default_str();
  command.add_option("--cpu-features", flags.cpu_features,
                     "Optional processor features, as +NAME or -NAME: vmx, svm (nested "
                     "virtualization), pmu, sgx; all off by default");
  command.add_option("-m,--memory", flags.memory, "RAM, with K, M or G")->capture_default_str();
  command.add_option("--storage", flags.storage, "A disk of this size for what is written");
  command.add_flag("--read-only", options.read_only, "Nothing can be written to the root");
  command.add_option("-v,--volume", flags.volumes, "SOURCE:TARGET[:ro]")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--mount", flags.mounts, "type=bind|tmpfs,source=..,target=..[,readonly]")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--tmpfs", flags.tmpfs, "TARGET[:OPTIONS]")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--network", flags.network, "user, none or tap=NAME")->capture_default_str();
  command.add_option("-p,--publish", flags.ports, "[ADDRESS:]HOST:GUEST[/udp]")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--dns", options.dns, "A name server's address")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command.add_option("--kernel", options.kernel, "A kernel instead of bothy's own");
  command.add_option("--modules", options.modules, "Its lib/modules/VERSION, for drivers it lacks");
}

}  // namespace

void add_run_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("run", "Run an image in a microVM of its own");
  auto flags = std::make_shared<RunFlags>();
  command->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_process_flags(*command, *flags);
  add_instance_flags(*command, *flags);
  add_machine_flags(*command, *flags);
  // What follows the image is the command's, flags and all.
  command->prefix_command();
  command->footer(
      "IMAGE [COMMAND ARGUMENT...] follow the flags. On a terminal, Ctrl-P Ctrl-Q leaves it "
      "running.\nExit status: the command's own; 128+N when signal N ended it; 125 bothy's own "
      "failure, 126 a command\nthat can't be run, 127 one that isn't there.");
  command->callback([command, flags, &status] {
    const auto options = resolve(*flags, command->remaining(), command->count("--entrypoint") > 0);
    const auto code = options ? run_it(options.value(), flags->json) : Result<int>(options.error());
    status = code ? code.value() : exit_status::kOwnFailure;
    if (!code) {
      log_line(LogLevel::kError, code.error().context);
    }
  });
}

}  // namespace bothy

#include "cli/run/run_flags.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/files.h"
#include "base/units.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/run/values.h"
#include "run/conversation.h"

namespace bothy {
namespace {

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

Result<void> resolve_mounts(const RunFlags& flags, run::RunOptions& options) {
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
  return success();
}

Result<void> resolve_resources(const RunFlags& flags, run::RunOptions& options) {
  for (const std::string& text : flags.ports) {
    BOTHY_TRY(auto port, parse_published_port(text));
    options.ports.push_back(std::move(port));
  }
  BOTHY_TRY(parse_network(flags.network, options));
  if (!options.ports.empty() && options.network != run::Network::kUser) {
    return make_error(ErrorCode::kInvalid, "-p needs --network user");
  }
  if (!options.dns.empty() && options.network == run::Network::kNone) {
    return make_error(ErrorCode::kInvalid, "--dns needs a network, not --network none");
  }
  if (!flags.cpus.empty()) {
    BOTHY_TRY(options.millicpus, parse_cpus(flags.cpus));
  }
  if (!flags.memory.empty()) {
    BOTHY_TRY(options.memory, parse_memory_limit(flags.memory));
  }
  if (!flags.processes.empty()) {
    BOTHY_TRY(options.processes, parse_process_limit(flags.processes));
  }
  if (!flags.storage.empty()) {
    BOTHY_TRY(options.storage, parse_size(flags.storage));
  }
  BOTHY_TRY(options.sandbox, sandbox::parse_mode(flags.sandbox));
  if (!flags.timeout.empty()) {
    BOTHY_TRY(options.timeout, parse_duration(flags.timeout));
  }
  return success();
}

// As they are given.
void take_isolation_flags(const RunFlags& flags, run::RunOptions& options) {
  for (const auto& [flag, values] : flags.isolation_flags) {
    if (!values.empty()) {
      options.isolation_flags[flag] = values;
    }
  }
  for (const auto& [flag, given] : flags.isolation_switches) {
    if (given) {
      options.isolation_flags[flag] = {""};
    }
  }
}

void add_process_flags(CLI::App& command, RunFlags& flags) {
  run::ProcessOptions& process = flags.options.process;
  command.option_defaults()->group("Process");
  add_switch(command, "-i,--interactive", process.interactive, "Connect stdin to the command");
  add_switch(command, "-t,--tty", process.terminal, "Give the command a terminal");
  add_values(command, "-e,--env", flags.environment, "NAME[=VALUE]",
             "Set an environment variable; NAME alone takes its value from here");
  add_values(command, "--env-file", flags.environment_files, "FILE",
             "Set the environment variables of a file, one a line");
  add_value(command, "-w,--workdir", process.directory, "DIR", "Working directory of the command");
  add_value(command, "-u,--user", process.user, "USER[:GROUP]",
            "User and group of the command, names or numbers");
  command
      .add_option("--entrypoint", flags.entrypoint,
                  "Program instead of the image's entrypoint; '' for none")
      ->type_name("PROGRAM");
  add_values(command, "--ulimit", flags.limits, "NAME=SOFT[:HARD]",
             "Resource limit of the command, such as nofile=1024");
  add_switch(command, "--init", flags.options.init,
             "Run an init that reaps orphans and passes on signals; a microVM always has one");
}

void add_instance_flags(CLI::App& command, RunFlags& flags) {
  run::RunOptions& options = flags.options;
  command.option_defaults()->group("Instance");
  add_switch(command, "-d,--detach", options.detach,
             "Run in the background and print the instance's id");
  add_switch(command, "--rm", options.remove, "Remove the instance when it has ended");
  add_value(command, "--name", options.name, "NAME", "Name of the instance instead of its id");
  add_value(command, "--hostname", options.hostname, "NAME", "Host name instead of the id");
  add_values(command, "--label", flags.labels, "KEY=VALUE", "Add a label to the instance");
  add_value(command, "--stop-signal", options.stop_signal, "SIGNAL",
            "Signal that 'bothy stop' sends instead of the image's");
  command
      .add_option("--stop-timeout", options.stop_timeout, "Seconds from the stop signal to SIGKILL")
      ->type_name("SECONDS")
      ->capture_default_str();
  add_value(command, "--sandbox", flags.sandbox, "on|off",
            "Confinement of bothy's own process; off is for debugging")
      ->default_str("on");
  add_value(command, "--timeout", flags.timeout, "DURATION",
            "End the instance after this time, such as 90s, with status 124");
  add_switch(command, "--json", flags.json,
             "Print what 'bothy inspect' does: with -d instead of the id, otherwise as the "
             "last line of stderr");
  add_switch(command, "--trace-timing", options.trace, "Print the times of all steps on stderr");
}

void add_image_flags(CLI::App& command, RunFlags& flags) {
  command.option_defaults()->group("Image");
  add_value(command, "--pull", flags.pull, "missing|never|always",
            "When to fetch the image from a registry")
      ->capture_default_str();
  add_value(command, "--store", flags.options.store, "DIR",
            "Directory of the image store [$BOTHY_STORE]");
}

void add_resource_flags(CLI::App& command, RunFlags& flags) {
  run::RunOptions& options = flags.options;
  command.option_defaults()->group("Resources");
  add_value(command, "--cpus", flags.cpus, "N",
            "Number of CPUs: 1 for a microVM, no limit for a container, which may have a part of "
            "one, such as 0.5");
  add_value(command, "-m,--memory", flags.memory, "SIZE",
            "Memory, with a suffix K, M or G: 512M for a microVM, no limit for a container");
  add_value(command, "--pids-limit", flags.processes, "N", "Limit on processes and threads");
  add_value(command, "--storage", flags.storage, "SIZE",
            "Keep what is written on a disk of this size instead of in memory");
  add_switch(command, "--read-only", options.read_only, "Make the root file system read-only");
  add_values(command, "-v,--volume", flags.volumes, "SOURCE:TARGET[:ro]",
             "Mount a directory or file of the host");
  add_values(command, "--mount", flags.mounts, "type=bind|tmpfs,...",
             "Mount a volume: source=, target=, readonly, tmpfs-size=");
  add_values(command, "--tmpfs", flags.tmpfs, "TARGET[:OPTIONS]", "Mount a tmpfs");
  command.option_defaults()->group("Network");
  add_value(command, "--network", flags.network, "user|none|tap=NAME|host|ns:PATH",
            "Network of the instance; tap= for microVMs, host and ns: for containers")
      ->capture_default_str();
  add_values(command, "-p,--publish", flags.ports, "[ADDRESS:]HOST:GUEST[/udp]",
             "Publish a port of the instance on the host");
  add_values(command, "--dns", options.dns, "ADDRESS", "Name server instead of the host's");
}

void add_isolation_flags(CLI::App& command, RunFlags& flags) {
  command.option_defaults()->group("Isolation");
  std::string help = "Isolation of the instance:";
  std::string_view separator = " ";
  for (const run::IsolationKind* kind : run::isolation_kinds()) {
    help += fmt::format("{}{}, {}", separator, kind->name, kind->help);
    separator = "; ";
  }
  command.add_option("--isolation", flags.options.isolation, help)
      ->type_name("KIND")
      ->envname("BOTHY_ISOLATION")
      ->capture_default_str();
  for (const run::IsolationKind* kind : run::isolation_kinds()) {
    for (const run::IsolationFlag& flag : kind->flags) {
      const std::string name(flag.name);
      const std::string help_of_flag(flag.help);
      if (flag.form == run::IsolationFlag::Form::kSwitch) {
        add_switch(command, name, flags.isolation_switches[name], help_of_flag);
        continue;
      }
      CLI::Option* option = add_values(command, name, flags.isolation_flags[name],
                                       std::string(flag.value_name), help_of_flag);
      if (flag.form == run::IsolationFlag::Form::kValue) {
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      }
    }
  }
}

}  // namespace

void add_run_flags(CLI::App& command, RunFlags& flags) {
  command.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_process_flags(command, flags);
  add_instance_flags(command, flags);
  add_resource_flags(command, flags);
  add_image_flags(command, flags);
  add_isolation_flags(command, flags);
  // What follows the image belongs to the command, flags included.
  command.prefix_command();
  set_operands(command, "IMAGE [COMMAND] [ARG...]");
  set_examples(command,
               {"bothy run --rm -it alpine sh", "bothy run -d --name web -p 8080:80 nginx",
                "bothy run --rm -v \"$PWD:/src\" ./rootfs make -C /src"},
               "IMAGE is a name in the image store, a path such as ./DIR or ./image.tar, or a "
               "reference to a\nregistry. Ctrl-P Ctrl-Q leaves a terminal and keeps the instance "
               "running.\n\nExit status: the command's own; 128+N when signal N ended it; 125 when "
               "bothy failed; 126 for a command\nthat can't be executed; 127 for one that doesn't "
               "exist.");
}

Result<run::RunOptions> resolve_run_flags(const RunFlags& flags,
                                          const std::vector<std::string>& operands) {
  if (operands.empty()) {
    return make_error(ErrorCode::kInvalid, "missing IMAGE (see 'bothy run --help')");
  }
  if (operands.front().starts_with('-')) {
    return make_error(ErrorCode::kInvalid, "unknown flag '{}' (see 'bothy run --help')",
                      printable(operands.front()));
  }
  run::RunOptions options = flags.options;
  options.image = operands.front();
  options.arguments.assign(operands.begin() + 1, operands.end());
  BOTHY_TRY(options.pull, parse_pull(flags.pull));
  options.entrypoint = flags.entrypoint;
  if (options.detach && options.process.terminal && !options.process.interactive) {
    options.process.interactive = true;  // a terminal that can be attached to later
  }
  run::take_terminal_size(options.process);
  BOTHY_TRY(resolve_process(flags, options));
  BOTHY_TRY(resolve_mounts(flags, options));
  BOTHY_TRY(resolve_resources(flags, options));
  take_isolation_flags(flags, options);
  BOTHY_TRY(const run::IsolationKind* kind, run::find_isolation(options.isolation));
  BOTHY_TRY(run::validate_isolation(*kind, options));
  return options;
}

}  // namespace bothy

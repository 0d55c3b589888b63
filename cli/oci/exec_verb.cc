#include <memory>

#include "cli/flags.h"
#include "cli/help.h"
#include "cli/oci/verb.h"

namespace bothy {
namespace {

// The container's id and the command follow the flags, whatever they look like.
Result<void> set_operands_of(oci::ExecOptions& options, const std::vector<std::string>& operands) {
  if (operands.empty()) {
    return make_error(ErrorCode::kInvalid, "exec: ID is required");
  }
  options.id = operands.front();
  options.arguments.assign(operands.begin() + 1, operands.end());
  return success();
}

void add_process_flags(CLI::App& command, oci::ExecOptions& options) {
  add_value(command, "-p,--process", options.process_file, "FILE",
            "Take the process from a file, as in config.json");
  add_value(command, "--cwd", options.directory, "DIR", "Working directory");
  add_values(command, "-e,--env", options.environment, "NAME=VALUE", "Environment variable");
  add_value(command, "-u,--user", options.user, "UID[:GID]", "User and group, numbers");
  command.add_option("-g,--additional-gids", options.additional_groups, "Additional group")
      ->type_name("GID")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  add_values(command, "-c,--cap", options.capabilities, "CAPABILITY", "Additional capability");
  add_switch(command, "-t,--tty", options.terminal, "Give the process a terminal");
  add_switch(command, "--no-new-privs", options.no_new_privileges, "Set no_new_privs");
  add_value(command, "--apparmor", options.apparmor_profile, "PROFILE", "AppArmor profile");
  add_value(command, "--process-label", options.selinux_label, "LABEL", "SELinux label");
}

}  // namespace

void add_exec_verb(const OciApp& oci) {
  const auto options = std::make_shared<oci::ExecOptions>();
  const auto command_of = std::make_shared<CLI::App*>(nullptr);
  CLI::App& command = add_oci_verb(
      oci, "exec", "Run a process in a container",
      [options, command_of](const oci::Records& records) -> Result<int> {
        BOTHY_TRY(set_operands_of(*options, (*command_of)->remaining()));
        return oci::exec(records, *options);
      },
      exit_status::kExecFailure);
  *command_of = &command;
  add_process_flags(command, *options);
  add_switch(command, "-d,--detach", options->detach, "Don't wait for the end of the process");
  add_value(command, "--pid-file", options->pid_file, "FILE",
            "Write the pid of the process to a file");
  add_value(command, "--console-socket", options->console_socket, "SOCKET",
            "Unix socket that gets the terminal of the process");
  add_value(command, "--pidfd-socket", options->pidfd_socket, "SOCKET",
            "Unix socket that gets a pidfd of the process");
  command
      .add_option("--preserve-fds", options->preserved,
                  "Number of descriptors, from 3 on, that the process gets")
      ->type_name("N");
  add_value(command, "--cgroup", options->cgroup, "PATH",
            "Run the process in a cgroup below the container's");
  add_switch(command, "--ignore-paused", options->ignore_paused,
             "Start the process even if the container is paused");
  command.prefix_command();
  set_operands(command, "ID [COMMAND [ARG...]]");
}

}  // namespace bothy

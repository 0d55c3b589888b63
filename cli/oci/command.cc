#include "cli/oci/command.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/json_text.h"
#include "oci/verbs.h"
#include "run/run_spec.h"

namespace bothy {
namespace {

constexpr int kFailure = 1;  // as the other runtimes have it

struct OciFlags {
  OciFlags() { create.bundle = "."; }

  std::string root;
  oci::CreateOptions create;
  bool no_pivot = false;
  bool no_new_keyring = false;
  bool detach = false;
  bool all = false;
  bool force = false;
  std::string signal = "SIGTERM";
};

using Flags = std::shared_ptr<OciFlags>;
using Verb = std::function<Result<int>(const oci::Records&, const OciFlags&)>;

CLI::App* add_verb(CLI::App& oci, const Flags& flags, int& status, const std::string& name,
                   const std::string& help, Verb verb) {
  CLI::App* command = oci.add_subcommand(name, help);
  command->add_option("ID", flags->create.id, "Id of the container")->required();
  command->callback([flags, &status, verb = std::move(verb)] {
    flags->create.pivot = !flags->no_pivot;
    flags->create.new_keyring = !flags->no_new_keyring;
    const auto records = oci::Records::locate(flags->root);
    const auto code = records ? verb(records.value(), *flags) : Result<int>(records.error());
    status = code ? code.value() : kFailure;
    if (!code) {
      log_line(LogLevel::kError, code.error().context);
    }
  });
  return command;
}

// Once the command is called: flags are a large part of what this program does before it starts
// one.
void add_create_flags(CLI::App& command, OciFlags& flags) {
  add_value(command, "-b,--bundle", flags.create.bundle, "DIR",
            "Directory with the config.json and the root file system")
      ->capture_default_str();
  add_value(command, "--pid-file", flags.create.pid_file, "FILE",
            "Write the pid of the container's process to a file");
  add_value(command, "--console-socket", flags.create.console_socket, "SOCKET",
            "Unix socket that gets the terminal of the process");
  command
      .add_option("--preserve-fds", flags.create.preserved,
                  "Number of descriptors, from 3 on, that the process gets")
      ->type_name("N");
  command.add_flag("--no-pivot", flags.no_pivot, "Enter the root by chroot instead of pivot_root");
  command.add_flag("--no-new-keyring", flags.no_new_keyring,
                   "Keep the session keyring of the caller");
}

}  // namespace

void add_oci_command(CLI::App& app, int& status) {
  CLI::App* oci = app.add_subcommand("oci", "OCI runtime interface, for container engines");
  const auto flags = std::make_shared<OciFlags>();
  add_value(*oci, "--root", flags->root, "DIR",
            "Directory for the state of containers [/run/bothy/oci, $XDG_RUNTIME_DIR/bothy/oci]");
  oci->require_subcommand(1);
  CLI::App* create =
      add_verb(*oci, flags, status, "create", "Create a container",
               [](const oci::Records& records, const OciFlags& given) -> Result<int> {
                 BOTHY_TRY(oci::create(records, given.create));
                 return exit_status::kSuccess;
               });
  create->preparse_callback([create, flags](std::size_t) { add_create_flags(*create, *flags); });
  add_verb(*oci, flags, status, "start", "Start the process of a created container",
           [](const oci::Records& records, const OciFlags& given) -> Result<int> {
             BOTHY_TRY(oci::start(records, given.create.id));
             return exit_status::kSuccess;
           });
  CLI::App* run = add_verb(*oci, flags, status, "run", "Create and start a container",
                           [](const oci::Records& records, const OciFlags& given) {
                             return oci::run(records, given.create, given.detach);
                           });
  run->preparse_callback([run, flags](std::size_t) {
    add_create_flags(*run, *flags);
    run->add_flag("-d,--detach", flags->detach, "Don't wait for the end of the container");
  });
  add_verb(*oci, flags, status, "state", "Print the state of a container",
           [](const oci::Records& records, const OciFlags& given) -> Result<int> {
             BOTHY_TRY(const oci::Record record, records.load(given.create.id));
             BOTHY_TRY(const oci::Status state, records.status(record));
             write_result(oci::state_json(record, state));
             return exit_status::kSuccess;
           });
  CLI::App* kill = add_verb(*oci, flags, status, "kill", "Send a signal to a container",
                            [](const oci::Records& records, const OciFlags& given) -> Result<int> {
                              BOTHY_TRY(const int signal, run::signal_number(given.signal));
                              BOTHY_TRY(oci::kill(records, given.create.id, signal, given.all));
                              return exit_status::kSuccess;
                            });
  kill->add_option("SIGNAL", flags->signal, "Signal, a name or a number")->capture_default_str();
  kill->add_flag("-a,--all", flags->all, "Send the signal to all processes of the container");
  CLI::App* remove =
      add_verb(*oci, flags, status, "delete", "Delete a container that has stopped",
               [](const oci::Records& records, const OciFlags& given) -> Result<int> {
                 BOTHY_TRY(oci::remove(records, given.create.id, given.force));
                 return exit_status::kSuccess;
               });
  remove->add_flag("-f,--force", flags->force, "Kill the container first if it is running");
}

}  // namespace bothy

// create, run, start.
#include <memory>

#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/oci/verb.h"

namespace bothy {
namespace {

struct CreateFlags {
  oci::CreateOptions create;
  oci::RunOptions run;
  bool no_pivot = false;
  bool no_new_keyring = false;
  bool no_subreaper = false;
};

void add_create_flags(CLI::App& command, CreateFlags& flags) {
  flags.create.bundle = ".";
  add_value(command, "-b,--bundle", flags.create.bundle, "DIR",
            "Directory with the config.json and the root file system")
      ->capture_default_str();
  add_value(command, "--pid-file", flags.create.pid_file, "FILE",
            "Write the pid of the container's process to a file");
  add_value(command, "--console-socket", flags.create.console_socket, "SOCKET",
            "Unix socket that gets the terminal of the process");
  add_value(command, "--pidfd-socket", flags.create.pidfd_socket, "SOCKET",
            "Unix socket that gets a pidfd of the process");
  command
      .add_option("--preserve-fds", flags.create.preserved,
                  "Number of descriptors, from 3 on, that the process gets")
      ->type_name("N");
  add_switch(command, "--no-pivot", flags.no_pivot,
             "Enter the root by chroot instead of pivot_root");
  add_switch(command, "--no-new-keyring", flags.no_new_keyring,
             "Keep the session keyring of the caller");
  add_container_id(command, flags.create.id);
}

oci::CreateOptions create_options(const CreateFlags& flags, const OciGlobals& globals) {
  oci::CreateOptions options = flags.create;
  options.pivot = !flags.no_pivot;
  options.new_keyring = !flags.no_new_keyring;
  options.cgroups = cgroup_driver(globals);
  options.vm = globals.vm;
  return options;
}

}  // namespace

void add_create_verb(const OciApp& oci) {
  const auto flags = std::make_shared<CreateFlags>();
  const OciGlobals& globals = *oci.globals;
  add_create_flags(add_oci_verb(oci, "create", "Create a container",
                                [flags, &globals](const oci::Records& records) -> Result<int> {
                                  const auto options = create_options(*flags, globals);
                                  BOTHY_TRY(oci::create(records, options));
                                  return exit_status::kSuccess;
                                }),
                   *flags);
}

void add_run_verb(const OciApp& oci) {
  const auto flags = std::make_shared<CreateFlags>();
  const OciGlobals& globals = *oci.globals;
  CLI::App& command = add_oci_verb(oci, "run", "Create and start a container",
                                   [flags, &globals](const oci::Records& records) -> Result<int> {
                                     const auto options = create_options(*flags, globals);
                                     return oci::run(records, options, flags->run);
                                   });
  add_create_flags(command, *flags);
  add_switch(command, "-d,--detach", flags->run.detach, "Don't wait for the end of the container");
  add_switch(command, "--keep", flags->run.keep, "Keep the container after its end");
  add_switch(command, "--no-subreaper", flags->no_subreaper,
             "Accepted: this program never is one for the container's processes");
}

void add_start_verb(const OciApp& oci) {
  const auto id = std::make_shared<std::string>();
  add_container_id(add_oci_verb(oci, "start", "Start the process of a created container",
                                [id](const oci::Records& records) -> Result<int> {
                                  BOTHY_TRY(oci::start(records, *id));
                                  return exit_status::kSuccess;
                                }),
                   *id);
}

}  // namespace bothy

// kill, delete, pause, resume.
#include <memory>

#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/oci/verb.h"
#include "run/run_spec.h"

namespace bothy {
namespace {

struct KillFlags {
  std::string id;
  std::string signal = "SIGTERM";
  bool all = false;
};

struct DeleteFlags {
  std::string id;
  bool force = false;
};

void add_switch(const OciApp& oci, const char* name, const char* help,
                Result<void> (*change)(const oci::Records&, const std::string&)) {
  const auto id = std::make_shared<std::string>();
  add_container_id(add_oci_verb(oci, name, help,
                                [id, change](const oci::Records& records) -> Result<int> {
                                  BOTHY_TRY(change(records, *id));
                                  return exit_status::kSuccess;
                                }),
                   *id);
}

}  // namespace

void add_pause_verb(const OciApp& oci) {
  add_switch(oci, "pause", "Stop all processes of a container for a while", &oci::pause);
}

void add_resume_verb(const OciApp& oci) {
  add_switch(oci, "resume", "Let the processes of a paused container run on", &oci::resume);
}

void add_kill_verb(const OciApp& oci) {
  const auto flags = std::make_shared<KillFlags>();
  CLI::App& command = add_oci_verb(oci, "kill", "Send a signal to a container",
                                   [flags](const oci::Records& records) -> Result<int> {
                                     // 0 asks whether there is a process (kill(2)).
                                     const auto signal = flags->signal == "0"
                                                             ? Result<int>(0)
                                                             : run::signal_number(flags->signal);
                                     BOTHY_TRY(const int number, signal);
                                     BOTHY_TRY(oci::kill(records, flags->id, number, flags->all));
                                     return exit_status::kSuccess;
                                   });
  add_container_id(command, flags->id);
  command.add_option("SIGNAL", flags->signal, "Signal, a name or a number")->capture_default_str();
  add_switch(command, "-a,--all", flags->all, "Send the signal to all processes of the container");
}

void add_delete_verb(const OciApp& oci) {
  const auto flags = std::make_shared<DeleteFlags>();
  CLI::App& command = add_oci_verb(oci, "delete", "Delete a container that has stopped",
                                   [flags](const oci::Records& records) -> Result<int> {
                                     BOTHY_TRY(oci::remove(records, flags->id, flags->force));
                                     return exit_status::kSuccess;
                                   });
  add_container_id(command, flags->id);
  add_switch(command, "-f,--force", flags->force, "Kill the container first if it is running");
}

}  // namespace bothy

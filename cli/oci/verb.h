// A verb of the OCI runtime interface as a subcommand, with what the flags before it say.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/oci/error_log.h"
#include "oci/verbs.h"

namespace bothy {

struct OciGlobals {
  std::string root;
  ErrorLog log;
  std::string log_format = "text";
  bool debug = false;
  bool systemd_cgroup = false;
  std::string rootless = "auto";  // accepted: what an ordinary user can do is found out by itself
  bool vm = false;                // by the program's name
  std::string cgroup_manager;     // empty: cgroupfs, or systemd with --systemd-cgroup
};

// What verbs are added with.
struct OciApp {
  CLI::App& app;
  std::shared_ptr<OciGlobals> globals;
  int& status;
  std::string version;
};

namespace exit_status {
inline constexpr int kOciFailure = 1;     // as the other runtimes have it
inline constexpr int kExecFailure = 255;  // of `exec` itself, before the command runs
}  // namespace exit_status

using OciVerb = std::function<Result<int>(const oci::Records&)>;

// Adds a subcommand that runs `verb`, and reports its failure by the exit status `failure`.
CLI::App& add_oci_verb(const OciApp& oci, const std::string& name, const std::string& help,
                       OciVerb verb, int failure = exit_status::kOciFailure);
void add_container_id(CLI::App& command, std::string& id);

[[nodiscard]] oci::CgroupDriver cgroup_driver(const OciGlobals& globals);

void add_create_verb(const OciApp& oci);
void add_run_verb(const OciApp& oci);
void add_start_verb(const OciApp& oci);
void add_kill_verb(const OciApp& oci);
void add_delete_verb(const OciApp& oci);
void add_exec_verb(const OciApp& oci);
void add_state_verb(const OciApp& oci);
void add_list_verb(const OciApp& oci);
void add_ps_verb(const OciApp& oci);
void add_events_verb(const OciApp& oci);
void add_pause_verb(const OciApp& oci);
void add_resume_verb(const OciApp& oci);
void add_update_verb(const OciApp& oci);
void add_features_verb(const OciApp& oci);
void add_spec_verb(const OciApp& oci);
void add_checkpoint_verb(const OciApp& oci);
void add_restore_verb(const OciApp& oci);
// What this program becomes for a container that is a microVM.
void add_owner_verb(const OciApp& oci);
void add_stub_verb(const OciApp& oci);

}  // namespace bothy

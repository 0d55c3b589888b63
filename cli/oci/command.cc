#include "cli/oci/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>

#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/oci/verb.h"
#include "oci/features.h"
#include "oci/vm_exec.h"
#include "oci/vm_launch.h"

namespace bothy {
namespace {

constexpr const char* kDescription = "OCI runtime interface, for container engines";

// Containers of a program that is called so are microVMs.
constexpr std::string_view kVmName = kOciNames.back();

struct Verb {
  std::string_view name;
  void (*add)(const OciApp& oci);
};
constexpr std::array kVerbs{Verb{"create", add_create_verb},
                            Verb{"start", add_start_verb},
                            Verb{"run", add_run_verb},
                            Verb{"exec", add_exec_verb},
                            Verb{"state", add_state_verb},
                            Verb{"list", add_list_verb},
                            Verb{"ps", add_ps_verb},
                            Verb{"events", add_events_verb},
                            Verb{"kill", add_kill_verb},
                            Verb{"pause", add_pause_verb},
                            Verb{"resume", add_resume_verb},
                            Verb{"update", add_update_verb},
                            Verb{"delete", add_delete_verb},
                            Verb{"spec", add_spec_verb},
                            Verb{"features", add_features_verb},
                            Verb{"checkpoint", add_checkpoint_verb},
                            Verb{"restore", add_restore_verb}};
// By which bothy starts itself: in no help.
constexpr std::array kInnerVerbs{Verb{oci::kOwnerVerb, add_owner_verb},
                                 Verb{oci::kStubVerb, add_stub_verb}};

void add_global_flags(CLI::App& app, OciGlobals& globals) {
  add_value(app, "--root", globals.root, "DIR",
            "Directory for the state of containers [/run/bothy/oci, $XDG_RUNTIME_DIR/bothy/oci]");
  add_value(app, "--log", globals.log.file, "FILE", "Append errors to a file as well");
  add_value(app, "--log-format", globals.log_format, "FORMAT", "Format of the log")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  add_switch(app, "--debug", globals.debug, "Log more");
  add_value(app, "--cgroup-manager", globals.cgroup_manager, "DRIVER",
            "Who makes cgroups: cgroupfs, systemd or disabled")
      ->check(CLI::IsMember({"cgroupfs", "systemd", "disabled"}));
  add_switch(app, "--systemd-cgroup", globals.systemd_cgroup,
             "The same as --cgroup-manager systemd");
  app.add_flag("--rootless{true}", globals.rootless,
               "Accepted; what an ordinary user may do is found out");
}

// Those named in the arguments, or all: the flags of all verbs would take longer than most verbs.
void add_verbs(const OciApp& oci, std::span<char*> arguments) {
  const auto is_named = [&](const Verb& verb) {
    return std::ranges::any_of(arguments, [&](const char* each) { return verb.name == each; });
  };
  const bool any = std::ranges::any_of(kVerbs, is_named);
  for (const Verb& verb : kVerbs) {
    if (!any || is_named(verb)) {
      verb.add(oci);
    }
  }
  for (const Verb& verb : kInnerVerbs) {
    if (is_named(verb)) {
      verb.add(oci);
    }
  }
}

// With the verbs that `arguments` name, or all.
void set_up(const OciApp& oci, std::span<char*> arguments) {
  CLI::App& app = oci.app;
  const bool has_own_name = is_oci_name(app.get_name());
  app.set_version_flag("-v,--version", fmt::format("{} version {}\nspec: {}",
                                                   has_own_name ? app.get_name() : "bothy",
                                                   oci.version, oci::kSpecVersion));
  app.require_subcommand(1);
  set_help_form(app);
  add_global_flags(app, *oci.globals);
  add_verbs(oci, arguments);
}

int report(const CLI::App& app, const CLI::ParseError& error, const OciGlobals& globals) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);  // --help, --version
  }
  const auto called = app.get_subcommands();
  const std::string verb = called.empty() ? "" : called[0]->get_name();
  report_oci_error(globals.log, fmt::format("{} (see '{} {}--help')", error.what(), app.get_name(),
                                            verb.empty() ? verb : verb + " "));
  return verb == "exec" ? exit_status::kExecFailure : exit_status::kOciFailure;
}

}  // namespace

CLI::App& add_oci_verb(const OciApp& oci, const std::string& name, const std::string& help,
                       OciVerb verb, int failure) {
  CLI::App* command = oci.app.add_subcommand(name, help);
  command->callback([globals = oci.globals, &status = oci.status, verb = std::move(verb), failure] {
    const auto records = oci::Records::locate(globals->root);
    const auto code = records ? verb(records.value()) : Result<int>(records.error());
    status = code ? code.value() : failure;
    if (!code) {
      report_oci_error(globals->log, code.error().context);
    }
  });
  return *command;
}

void add_container_id(CLI::App& command, std::string& id) {
  command.add_option("ID", id, "Id of the container")->required();
}

oci::CgroupDriver cgroup_driver(const OciGlobals& globals) {
  if (globals.cgroup_manager == "disabled") {
    return oci::CgroupDriver::kNone;
  }
  return globals.systemd_cgroup || globals.cgroup_manager == "systemd" ? oci::CgroupDriver::kSystemd
                                                                       : oci::CgroupDriver::kFiles;
}

void add_oci_command(CLI::App& app, int& /*status*/) {
  app.add_subcommand("oci", kDescription);
}

bool is_oci_name(std::string_view program) noexcept {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return std::ranges::find(kOciNames, name) != kOciNames.end();
}

std::unique_ptr<CLI::App> describe_oci() {
  static int status = exit_status::kSuccess;
  auto app = std::make_unique<CLI::App>(kDescription, "bothy oci");
  set_up({*app, std::make_shared<OciGlobals>(), status, {}}, {});
  return app;
}

int oci_main(int argc, char** argv, const char* name, std::string_view version) {
  // Never destroyed: the process is about to end then.
  static auto& app = *new CLI::App(kDescription, name);
  int status = exit_status::kSuccess;
  const auto globals = std::make_shared<OciGlobals>();
  globals->vm = std::string_view(name) == kVmName;
  set_up({app, globals, status, std::string(version)}, {argv, static_cast<std::size_t>(argc)});
  app.parse_complete_callback([&globals] {
    globals->log.json = globals->log_format == "json";
    if (globals->debug) {
      set_log_level(LogLevel::kDebug);
    }
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    globals->log.json = globals->log_format == "json";
    return report(app, error, *globals);
  } catch (const std::exception& error) {
    report_oci_error(globals->log, error.what());
    return exit_status::kOciFailure;
  }
  return status;
}

}  // namespace bothy

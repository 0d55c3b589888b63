// state, list, ps, events: what there is.
#include <sys/mman.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <memory>
#include <set>

#include "base/files.h"
#include "base/process.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/json_text.h"
#include "cli/oci/process_table.h"
#include "cli/oci/verb.h"
#include "oci/events.h"

namespace bothy {
namespace {

struct ListFlags {
  std::string format = "table";
  bool quiet = false;
};

struct PsFlags {
  std::string format = "table";
};

struct EventsFlags {
  std::string id;
  std::string interval = "5s";
  bool statistics = false;
};

void add_format(CLI::App& command, std::string& format) {
  add_value(command, "-f,--format", format, "FORMAT", "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

std::string list_table(const std::vector<oci::Listed>& all) {
  std::size_t id_width = 2;
  std::size_t bundle_width = 6;
  for (const oci::Listed& each : all) {
    id_width = std::max(id_width, each.record.id.size());
    bundle_width = std::max(bundle_width, each.record.bundle.size());
  }
  std::string text;
  const auto add_line = [&](std::string_view id, std::string_view pid, std::string_view status,
                            std::string_view bundle, std::string_view created,
                            std::string_view owner) {
    text += fmt::format("{:{}}   {:8}   {:8}   {:{}}   {:30}   {}\n", id, id_width, pid, status,
                        bundle, bundle_width, created, owner);
  };
  add_line("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
  for (const auto& [record, status] : all) {
    const pid_t pid = status == oci::Status::kStopped ? 0 : record.pid;
    add_line(record.id, std::to_string(pid), to_string(status), record.bundle, record.created,
             record.owner);
  }
  text.pop_back();  // write_result() ends it
  return text;
}

Result<int> list(const oci::Records& records, const ListFlags& flags) {
  BOTHY_TRY(const std::vector<oci::Listed> all, oci::list(records));
  if (flags.quiet) {
    for (const oci::Listed& each : all) {
      write_result(each.record.id);
    }
  } else if (flags.format == "json") {
    boost::json::array array;
    for (const auto& [record, status] : all) {
      array.push_back(oci::state_object(record, status));
    }
    write_result(boost::json::serialize(array));
  } else {
    write_result(list_table(all));
  }
  return exit_status::kSuccess;
}

// The lines of ps(1) for these processes.
Result<std::string> run_ps(std::vector<std::string> arguments, const std::vector<pid_t>& pids) {
  const UniqueFd output(::memfd_create("ps", MFD_CLOEXEC));
  if (!output) {
    return errno_error("can't make a file in memory for the output of ps");
  }
  ProcessOptions options;
  options.program = "ps";
  options.arguments = std::move(arguments);
  options.descriptors = {{STDOUT_FILENO, output.get()}, {STDERR_FILENO, STDERR_FILENO}};
  BOTHY_TRY(Process ps, Process::start(options));
  if (const ProcessEnd end = ps.wait(); !end.succeeded()) {
    return make_error(ErrorCode::kSystem, "ps: {}", end.describe());
  }
  ::lseek(output.get(), 0, SEEK_SET);
  BOTHY_TRY(const std::string table, read_to_end(output.get(), "the output of ps"));
  return rows_of_processes(table, {pids.begin(), pids.end()});
}

Result<int> ps(const oci::Records& records, const PsFlags& flags,
               const std::vector<std::string>& operands) {
  if (operands.empty()) {
    return make_error(ErrorCode::kInvalid, "ps: ID is required");
  }
  BOTHY_TRY(const std::vector<pid_t> pids, oci::processes(records, operands.front()));
  if (flags.format == "json") {
    write_result(boost::json::serialize(boost::json::array(pids.begin(), pids.end())));
    return exit_status::kSuccess;
  }
  std::vector<std::string> arguments{"ps"};
  arguments.insert(arguments.end(), operands.begin() + 1, operands.end());
  if (arguments.size() == 1) {
    arguments.emplace_back("-ef");
  }
  BOTHY_TRY(const std::string table, run_ps(std::move(arguments), pids));
  write_result(table);
  return exit_status::kSuccess;
}

Result<int> events(const oci::Records& records, const EventsFlags& flags) {
  const oci::EventSink print = [](const boost::json::object& event) {
    write_result(boost::json::serialize(event));
  };
  if (flags.statistics) {
    BOTHY_TRY(oci::print_statistics(records, flags.id, print));
  } else {
    BOTHY_TRY(const auto interval, parse_duration(flags.interval));
    BOTHY_TRY(oci::follow_events(records, flags.id, interval, print));
  }
  return exit_status::kSuccess;
}

}  // namespace

void add_state_verb(const OciApp& oci) {
  const auto id = std::make_shared<std::string>();
  add_container_id(add_oci_verb(oci, "state", "Print the state of a container",
                                [id](const oci::Records& records) -> Result<int> {
                                  BOTHY_TRY(const oci::Record record, records.load(*id));
                                  BOTHY_TRY(const oci::Status status, records.status(record));
                                  write_result(oci::state_json(record, status));
                                  return exit_status::kSuccess;
                                }),
                   *id);
}

void add_list_verb(const OciApp& oci) {
  const auto flags = std::make_shared<ListFlags>();
  CLI::App& command =
      add_oci_verb(oci, "list", "List the containers",
                   [flags](const oci::Records& records) { return list(records, *flags); });
  add_format(command, flags->format);
  add_switch(command, "-q,--quiet", flags->quiet, "Print ids alone");
}

void add_ps_verb(const OciApp& oci) {
  const auto flags = std::make_shared<PsFlags>();
  const auto operands = std::make_shared<CLI::App*>(nullptr);
  CLI::App& command = add_oci_verb(oci, "ps", "Print the processes of a container",
                                   [flags, operands](const oci::Records& records) {
                                     return ps(records, *flags, (*operands)->remaining());
                                   });
  *operands = &command;
  add_format(command, flags->format);
  command.prefix_command();
  set_operands(command, "ID [OPTION OF PS...]");
}

void add_events_verb(const OciApp& oci) {
  const auto flags = std::make_shared<EventsFlags>();
  CLI::App& command =
      add_oci_verb(oci, "events", "Print what a container uses, and when memory was short",
                   [flags](const oci::Records& records) { return events(records, *flags); });
  add_container_id(command, flags->id);
  add_switch(command, "--stats", flags->statistics, "Print the use of resources once");
  add_value(command, "--interval", flags->interval, "DURATION", "Time between two prints")
      ->capture_default_str();
}

}  // namespace bothy

#include "oci/vm_launch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>
#include <string_view>

#include "base/files.h"
#include "base/find_program.h"
#include "container/capabilities.h"
#include "container/mount_calls.h"
#include "oci/verbs.h"
#include "oci/vm_spec.h"
#include "run/vm/prepare.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    variables.emplace_back(*each);
  }
  return variables;
}

// As the command's own lookup has it (execvp(3)).
int lookup_error(int root, const ct::Process& process) {
  std::string_view path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& variable : process.environment) {
    if (variable.starts_with("PATH=")) {
      path = std::string_view(variable).substr(5);
    }
  }
  const std::string& name = process.arguments.front();
  int error = ENOENT;
  for (std::string candidate : program_candidates(name, path)) {
    if (!candidate.starts_with('/')) {
      candidate.insert(0, process.directory + "/");
    }
    const UniqueFd file(ct::open_resolved(root, candidate.c_str(), O_PATH, RESOLVE_IN_ROOT));
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & 0111U) != 0) {
      return 0;
    }
    if (file || errno == EACCES) {
      error = EACCES;
    }
  }
  return error;
}

}  // namespace

Result<std::string> own_program() {
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) {
    return errno_error("can't find this program's own file");
  }
  path.resize(static_cast<std::size_t>(size));
  return path;
}

ct::Process own_process(std::vector<std::string> command, const ct::Process& process) {
  ct::Process own;
  own.arguments = std::move(command);
  own.environment = own_environment();
  own.terminal = process.terminal;
  own.columns = process.columns;
  own.rows = process.rows;
  own.oom_score_adj = process.oom_score_adj;
  const ct::Capabilities all = ct::all_capabilities();
  own.capabilities = ct::CapabilitySets{all, all, 0, all, 0};
  ct::leave_out_missing(*own.capabilities);
  return own;
}

Result<void> check_vm_host() {
  const UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm) {
    Error error = errno_error("can't run a microVM: can't open '/dev/kvm'");
    error.code = ErrorCode::kUnsupported;
    error.context += " (see 'bothy doctor')";
    return error;
  }
  BOTHY_TRY(run::find_kernel());
  return success();
}

Result<ct::OciSpec> vm_owner(const Records& records, const std::string& id,
                             const ct::OciSpec& spec) {
  BOTHY_TRY(check_vm_spec(spec));
  BOTHY_TRY(check_vm_host());
  BOTHY_TRY(const std::string program, own_program());
  std::error_code error;
  const std::string root = std::filesystem::absolute(records.root(), error).string();
  return owner_spec(spec,
                    own_process({program, "oci", "--root", root, kOwnerVerb, id}, *spec.process));
}

void set_owner_options(const ct::OciSpec& spec, ct::LaunchOptions& options) {
  options.stays_outside = true;
  options.mount_points = guest_mount_points(spec);
  options.keeps_report = true;
}

Result<void> check_command(pid_t owner, const ct::OciSpec& spec) {
  const std::string path = fmt::format("/proc/{}/root{}", owner, spec.root.path);
  BOTHY_TRY(const UniqueFd root, open_file(path, O_PATH | O_DIRECTORY));
  ct::LaunchReport report;
  report.status = ct::LaunchStatus::kFailed;
  report.error_number = lookup_error(root.get(), *spec.process);
  if (report.error_number == 0) {
    return success();
  }
  report.message =
      errno_error(fmt::format("can't run '{}'", printable(spec.process->arguments.front())),
                  report.error_number)
          .context;
  return failed_start(report);
}

}  // namespace bothy::oci

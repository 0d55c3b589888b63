#include "bench/subjects/guest_disk.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy::bench {

std::string guest_disk(const Workspace& workspace) {
  return workspace.directory + "/guest.erofs";
}

Result<void> make_guest_disk(const Bench& bench, const Workspace& workspace) {
  if (exists(guest_disk(workspace))) {
    return success();
  }
  const std::vector<std::string> store{"BOTHY_STORE=" + workspace.directory + "/guest-images"};
  BOTHY_TRY(run_command(
      bench, {{workspace.bothy, "image", "import", workspace.root, "--name", "guest"}, store}));
  BOTHY_TRY(run_command(
      bench,
      {{workspace.bothy, "image", "build-disk", "guest", "--out", guest_disk(workspace)}, store}));
  return success();
}

std::string guest_command_line(std::string_view console, const ProbeCommand& probe) {
  std::string words = fmt::format(
      "console={} quiet loglevel=0 root=/dev/vda rootfstype=erofs ro init={} reboot=t panic=-1 -- "
      "guest",
      console, kProbePath);
  for (const std::string& word : probe) {
    words += " " + word;
  }
  return words;
}

Result<std::string> monitor_version(const Bench& bench, const Workspace& workspace,
                                    const char* program, const char* flag) {
  if (!find_program(program, path_variable(), {"/usr/sbin", "/usr/local/bin"})) {
    return make_error(ErrorCode::kNotFound, "{} is not installed", program);
  }
  if (workspace.kernel.empty()) {
    return make_error(ErrorCode::kNotFound, "there is no kernel for it: --kernel names one");
  }
  BOTHY_TRY(const std::string text, run_command(bench, {{program, flag}}));
  return text.substr(0, text.find('\n'));
}

}  // namespace bothy::bench

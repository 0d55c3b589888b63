#include "cli/boot/command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/log.h"
#include "cli/boot/flags.h"
#include "cli/boot/session.h"
#include "cli/exit_status.h"
#include "cli/help.h"

namespace bothy {
namespace {

int boot_with(const BootFlags& flags) {
  const auto options = resolve(flags);
  if (!options) {
    const bool misused = options.error().code == ErrorCode::kInvalid;
    log(LogLevel::kError, "{}{}", options.error().context,
        misused ? " (see `bothy boot --help`)" : "");
    return exit_status::from_error(options.error().code);
  }
  return run_boot(options.value());
}

}  // namespace

void add_boot_command(CLI::App& app, int& status) {
  CLI::App* boot = app.add_subcommand("boot", "Boot a kernel in a bare microVM");
  auto flags = std::make_shared<BootFlags>();
  add_boot_flags(*boot, *flags);
  set_examples(
      *boot,
      {"bothy boot --kernel vmlinux --initrd initrd.cpio --cpus 2 --memory 1G",
       "bothy boot --kernel bzImage --disk root.img,ro --net user --cmdline \"root=/dev/vda ro\""},
      "On a terminal, Ctrl-A x ends the guest and Ctrl-A h shows more keys.\n\n"
      "Exit status:\n"
      "  0 power-off or reboot, 120 panic, 121 triple fault, 122 vCPU failure, 124 timeout,\n"
      "  125 bothy's own failure, 126 unusable kernel or initrd, 127 not found, 128+N signal N,\n"
      "  159 stopped by the sandbox");
  boot->callback([flags, &status] { status = boot_with(*flags); });
}

}  // namespace bothy

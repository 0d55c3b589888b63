// bothy: the program.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <string_view>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/oci/command.h"
#include "cli/process_clock.h"

namespace {

// A file opened later must never become descriptor 0, 1 or 2, and receive console output.
void occupy_standard_descriptors() noexcept {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);  // NOLINT: it stays open on purpose, unless it is above 2
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) {
    ::close(fd);
  }
}

// With transparent huge pages enabled for all, a default stack of 8 MiB would take a huge page, 2
// MiB of memory, for each thread; no thread of bothy needs more than a few tens of KiB.
void use_small_stacks() noexcept {
  constexpr std::size_t kStack = 1U << 20U;
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) == 0) {
    ::pthread_attr_setstacksize(&attributes, kStack);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
  }
}

// Grows the heap in few steps, and keeps it: each change is a system call.
void use_large_heap_steps() noexcept {
  constexpr int kStep = 256 * 1024;
  ::mallopt(M_TOP_PAD, kStep);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kStep);
}

int report_parse_result(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    return app.exit(error);  // --help, --version
  }
  const auto called = app.get_subcommands();
  bothy::log(bothy::LogLevel::kError, "{} (see 'bothy {}--help')", error.what(),
             called.empty() ? std::string() : called[0]->get_name() + " ");
  return bothy::exit_status::kOwnFailure;
}

}  // namespace

int main(int argc, char** argv) {
  // Engines call it many times for each container: without the clock and the other commands' flags.
  const bool has_oci_name = bothy::is_oci_name(argv[0]);
  const bool is_oci = has_oci_name || (argc > 1 && std::string_view(argv[1]) == "oci");
  if (!is_oci) {
    bothy::note_process_start();
  }
  occupy_standard_descriptors();
  use_small_stacks();
  use_large_heap_steps();
  // Writing to a closed pipe fails with EPIPE instead.
  std::signal(SIGPIPE, SIG_IGN);

  bothy::note_command_line({argv, static_cast<std::size_t>(argc)});
  if (has_oci_name) {
    const char* slash = std::strrchr(argv[0], '/');
    return bothy::oci_main(argc, argv, slash == nullptr ? argv[0] : slash + 1, BOTHY_VERSION);
  }
  if (is_oci) {
    return bothy::oci_main(argc - 1, argv + 1, "bothy oci", BOTHY_VERSION);
  }
  int status = bothy::exit_status::kSuccess;
  static auto& app = bothy::make_program(argc > 1 ? argv[1] : "", status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_parse_result(app, error);
  } catch (const std::exception& error) {
    bothy::log(bothy::LogLevel::kError, "{}", error.what());
    return bothy::exit_status::kOwnFailure;
  }
  return status;
}

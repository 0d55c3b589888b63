#include "sandbox/confinement.h"

#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "base/inherited_files.h"
#include "base/log.h"
#include "base/thread_role.h"
#include "sandbox/capabilities.h"
#include "sandbox/hygiene.h"
#include "sandbox/namespaces.h"
#include "sandbox/violation.h"

// NOLINTNEXTLINE(readability-identifier-naming,readability-redundant-declaration)
extern char** environ;

namespace bothy::sandbox {
namespace {

// Without a limit, malloc asks for the number of CPUs once there are many threads.
constexpr int kMaxArenas = 16;
constexpr int kOwnFailure = 125;

struct State {
  bool has_seccomp;
  bool with_sanitizers;
  Role main_role;
  Landlock of_main;
  Landlock of_others;
  Namespaces namespaces;
  int main_root;
};

// Set once, before there are threads, and never destroyed.
const State* g_state = nullptr;

bool has_seccomp() noexcept {
  constexpr std::uint32_t kTrap = SECCOMP_RET_TRAP;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kTrap) == 0;
}

const char* confine(Role role, const Landlock& landlock, int root) noexcept {
  note_role(role);
  if (const char* failed = g_state->namespaces.enter_thread(root); failed != nullptr) {
    return failed;
  }
  if (const char* failed = landlock.restrict_thread(); failed != nullptr) {
    return failed;
  }
  if (const char* failed = keep_capabilities(0); failed != nullptr) {
    return failed;
  }
  return g_state->has_seccomp ? install_filter(role, g_state->with_sanitizers) : nullptr;
}

void confine_or_end(Role role, const Landlock& landlock, int root = -1) noexcept {
  if (const char* failed = confine(role, landlock, root); failed != nullptr) {
    log_line(LogLevel::kError, errno_error(failed).context);
    ::_exit(kOwnFailure);
  }
}

void on_role(ThreadRole role) noexcept {
  confine_or_end(role_of(role), g_state->of_others);
}

// Variables of the caller, which may hold secrets, are for this process no longer: neither its
// memory nor /proc/PID/environ has them.
void wipe_environment() noexcept {
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    ::explicit_bzero(*variable, std::strlen(*variable));
  }
  ::clearenv();
}

Result<Landlock> make_landlock(const std::vector<AllowedPath>& paths) {
  Landlock::Scope scope;
  scope.threads = true;
  BOTHY_TRY(Landlock landlock, Landlock::make(scope));
  for (const AllowedPath& allowed : paths) {
    BOTHY_TRY(landlock.allow_path(allowed.path, allowed.access));
  }
  return landlock;
}

std::vector<std::string> paths_of(const Policy& policy) {
  std::vector<std::string> paths;
  for (const auto* allowed : {&policy.main_paths, &policy.other_paths}) {
    for (const AllowedPath& each : *allowed) {
      paths.push_back(each.path);
    }
  }
  return paths;
}

}  // namespace

Result<Mode> parse_mode(std::string_view text) {
  if (text == "on" || text == "off") {
    return text == "on" ? Mode::kOn : Mode::kOff;
  }
  return make_error(ErrorCode::kInvalid, "--sandbox: invalid value '{}': expected on or off",
                    printable(text));
}

Result<void> prepare(Mode mode, const Policy& policy) {
  if (mode == Mode::kOff) {
    return success();
  }
  BOTHY_TRY(Landlock of_main, make_landlock(policy.main_paths));
  BOTHY_TRY(Landlock of_others, make_landlock(policy.other_paths));
  BOTHY_TRY(install_violation_handler());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return errno_error("can't give up new privileges");
  }
  BOTHY_TRY(Namespaces namespaces, Namespaces::begin(paths_of(policy)));
  ::mallopt(M_ARENA_MAX, kMaxArenas);
  g_state =
      new State{has_seccomp(),        policy.with_sanitizers, policy.main,     std::move(of_main),
                std::move(of_others), std::move(namespaces),  policy.main_root};
  set_role_listener(&on_role);
  return success();
}

Result<void> close_doors() {
  if (g_state == nullptr) {
    return success();
  }
  keep_log_target();
  close_inherited_files();
  wipe_environment();
  if (const char* failed = give_up_privileges(); failed != nullptr) {
    return errno_error(failed);
  }
  return success();
}

void confine_main() noexcept {
  if (g_state != nullptr) {
    confine_or_end(g_state->main_role, g_state->of_main, g_state->main_root);
  }
}

}  // namespace bothy::sandbox

// What every process of bothy gives up before anything else: no program that it executes gains
// rights, nobody else of its user reads its memory, and no core file holds what it knew.
#pragma once

namespace bothy::sandbox {

// Sets no_new_privs (PR_SET_NO_NEW_PRIVS; needed for Landlock and seccomp without privileges), not
// dumpable (PR_SET_DUMPABLE; a program executed later is dumpable again) and RLIMIT_CORE 0, for the
// process and its children; no_new_privs for the calling thread and those that it starts.
// Irrevocable. Makes three system calls and is async-signal-safe, so that it may be a
// ProcessOptions::before_exec. Returns nullptr, or what failed, with errno set.
[[nodiscard]] const char* give_up_privileges() noexcept;

}  // namespace bothy::sandbox

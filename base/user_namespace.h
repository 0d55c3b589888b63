// User namespaces (user_namespaces(7)): made with mappings of ids, and entered for work on files of
// mapped owners.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/id_mapping.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Whether this process is in the user namespace that the kernel started with, and not in one that
// an engine has made for an ordinary user: there root can't make devices, whatever it is called.
[[nodiscard]] bool in_initial_user_namespace() noexcept;

// Gives the new user namespace of a process its mappings. An ordinary user's mappings of one own id
// are written directly, others by newuidmap(1) and newgidmap(1), which check that the user may.
[[nodiscard]] Result<void> set_mappings(pid_t process, const IdMappings& mappings);

// A user namespace without a process in it, to be joined, and to be the mapping of idmapped mounts.
// The calling process has one thread. kUnsupported, with the remedy, where this host forbids it;
// kPermission for ids that this user may not map.
[[nodiscard]] Result<UniqueFd> make_user_namespace(const IdMappings& mappings);

struct UserNamespaces {
  UniqueFd user;
  UniqueFd network;  // owned by `user`
};

// The same, and a network namespace.
[[nodiscard]] Result<UserNamespaces> make_user_namespaces(const IdMappings& mappings);

// Runs `body` in a child process with all capabilities in the user namespace, and waits for it. Its
// user and group stay the same ones outside. The calling process has one thread.
[[nodiscard]] Result<void> run_in_user_namespace(int user_namespace,
                                                 const std::function<Result<void>()>& body);

// remove_tree() for a tree that may hold files of this user's subordinate ids, or directories that
// don't let the user in.
Result<void> remove_mapped_tree(const std::string& path);

}  // namespace bothy

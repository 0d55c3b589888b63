// SystemdManager: systemd as who makes cgroups, each as a unit of type scope: systemd.scope(5),
// "Control Group APIs and Delegation" (systemd.io/CGROUP_DELEGATION).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "container/systemd/dbus_connection.h"
#include "container/systemd/unit_properties.h"

namespace bothy::container {

struct ScopeName {
  std::string slice;  // "machine.slice"
  std::string unit;   // "libpod-ID.scope"
};

// linux.cgroupsPath as engines write it for systemd: "SLICE:PREFIX:NAME". With an empty SLICE the
// scope is in `default_slice`; an empty path is ":bothy:ID". kInvalid for another form.
[[nodiscard]] Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view id,
                                                 const std::string& default_slice);

// For one thread.
class SystemdManager {
 public:
  enum class Whose : std::uint8_t { kSystem, kUser };

  // The system's for root of the host; the user's own for others.
  [[nodiscard]] static Whose usual();
  // kUnsupported where no such systemd runs, with the remedy.
  [[nodiscard]] static Result<SystemdManager> connect(Whose whose);

  // Starts a scope with the process `pid` in it, which was in any other cgroup before, and waits
  // for it. A scope of that name that has failed is replaced; kBusy for one that is active. It is
  // delegated: what is below it, and its files, are the caller's. It goes away with its last
  // process.
  [[nodiscard]] Result<void> start_scope(const ScopeName& name, pid_t pid,
                                         const std::string& description,
                                         const UnitProperties& properties);
  [[nodiscard]] Result<void> set_properties(const std::string& unit,
                                            const UnitProperties& properties);
  // Ends the unit, and its processes, and forgets its failure. None of that name is no error.
  [[nodiscard]] Result<void> stop(const std::string& unit);

 private:
  explicit SystemdManager(DBusConnection connection) : connection_(std::move(connection)) {}
  [[nodiscard]] Result<DBusMessage> call(const char* member, const char* signature,
                                         DBusWriter body);
  // The end of the job that `started` names.
  [[nodiscard]] Result<void> finish_job(const DBusMessage& started, const std::string& what);

  DBusConnection connection_;
};

}  // namespace bothy::container

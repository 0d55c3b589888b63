#include "container/systemd/manager.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/user_namespace.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

struct Address {
  std::string path;
  DBusConnection::Peer peer;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// systemd's own socket first, which takes no bus; it is there for root and the user's self alone.
std::vector<Address> addresses(SystemdManager::Whose whose) {
  using Peer = DBusConnection::Peer;
  if (whose == SystemdManager::Whose::kSystem) {
    return {{"/run/systemd/private", Peer::kService}, {"/run/dbus/system_bus_socket", Peer::kBus}};
  }
  std::vector<Address> found;
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  if (!runtime.empty()) {
    found.push_back({runtime + "/systemd/private", Peer::kService});
  }
  constexpr std::string_view kUnixPath = "unix:path=";
  const std::string bus = environment("DBUS_SESSION_BUS_ADDRESS");
  if (bus.starts_with(kUnixPath)) {
    found.push_back(
        {bus.substr(kUnixPath.size(), bus.find_first_of(",;") - kUnixPath.size()), Peer::kBus});
  }
  if (!runtime.empty()) {
    found.push_back({runtime + "/bus", Peer::kBus});
  }
  return found;
}

Error unit_error(const std::string& what, const DBusMessage& reply) {
  ErrorCode code = ErrorCode::kSystem;
  if (reply.error_name == kUnitExists) {
    code = ErrorCode::kBusy;
  } else if (reply.error_name == kNoSuchUnit) {
    code = ErrorCode::kNotFound;
  } else if (reply.error_name.ends_with("AccessDenied") ||
             reply.error_name.ends_with("InteractiveAuthorizationRequired")) {
    code = ErrorCode::kPermission;
  }
  return make_error(code, "{}: {}", what, printable(reply.error_text()));
}

bool is_error(const DBusMessage& reply) {
  return reply.type == DBusMessage::Type::kError;
}

}  // namespace

Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view id,
                                   const std::string& default_slice) {
  constexpr std::size_t kMaxUnitName = 255;
  const std::string path =
      cgroups_path.empty() ? fmt::format(":bothy:{}", id) : std::string(cgroups_path);
  const std::vector<std::string> parts = split_at(path, ':');
  constexpr std::string_view kSlice = ".slice";
  const bool valid = parts.size() == 3 && !parts[2].empty() && !parts[2].ends_with(kSlice) &&
                     (parts[0].empty() || parts[0].ends_with(kSlice)) &&
                     path.find_first_of(std::string_view("/\n\0", 3)) == std::string::npos;
  if (!valid) {
    return make_error(ErrorCode::kInvalid,
                      "linux.cgroupsPath: '{}' is no scope of systemd's: expected "
                      "SLICE.slice:PREFIX:NAME",
                      printable(path));
  }
  ScopeName name{parts[0].empty() ? default_slice : parts[0],
                 (parts[1].empty() ? "" : parts[1] + "-") + parts[2] + ".scope"};
  if (name.unit.size() > kMaxUnitName) {
    return make_error(ErrorCode::kInvalid,
                      "linux.cgroupsPath: the name of scope '{}' is longer than {} bytes",
                      printable(name.unit), kMaxUnitName);
  }
  return name;
}

SystemdManager::Whose SystemdManager::usual() {
  return ::geteuid() == 0 && in_initial_user_namespace() ? Whose::kSystem : Whose::kUser;
}

Result<SystemdManager> SystemdManager::connect(Whose whose) {
  std::string reasons;
  for (const Address& address : addresses(whose)) {
    // Not in the system's words, "No such file", which callers take for the container's command.
    Result<DBusConnection> connection =
        exists(address.path)
            ? DBusConnection::connect(address.path, address.peer)
            : make_error(ErrorCode::kNotFound, "'{}' doesn't exist", printable(address.path));
    if (connection) {
      BOTHY_TRY(connection.value().subscribe(kService, kInterface, "JobRemoved"));
      return SystemdManager(std::move(connection.value()));
    }
    reasons += (reasons.empty() ? "" : "; ") + connection.error().context;
  }
  return make_error(ErrorCode::kUnsupported,
                    "can't reach the {} systemd: {} (choose the cgroup driver 'cgroupfs' in the "
                    "engine's configuration where systemd doesn't run)",
                    whose == Whose::kSystem ? "system's" : "user's",
                    reasons.empty() ? "XDG_RUNTIME_DIR isn't set" : reasons);
}

Result<DBusMessage> SystemdManager::call(const char* member, const char* signature,
                                         DBusWriter body) {
  return connection_.call({kService, kPath, kInterface, member, signature, std::move(body)});
}

Result<void> SystemdManager::finish_job(const DBusMessage& started, const std::string& what) {
  DBusReader reader(started.body);
  const std::string job(reader.text());
  std::string result;
  // uoss: the job's number, the job, the unit and the result
  BOTHY_TRY(connection_.wait_for([&](const DBusMessage& signal) {
    DBusReader values(signal.body);
    static_cast<void>(values.u32());
    const bool ours = values.text() == job;
    static_cast<void>(values.text());
    result = values.text();
    return ours && values.is_valid();
  }));
  if (result != "done" && result != "skipped") {
    return make_error(ErrorCode::kSystem, "{}: its job ended with the result '{}'", what,
                      printable(result));
  }
  return success();
}

Result<void> SystemdManager::start_scope(const ScopeName& name, pid_t pid,
                                         const std::string& description,
                                         const UnitProperties& properties) {
  UnitProperties all{{"Description", description},
                     {"Slice", name.slice},
                     {"Delegate", true},
                     {"PIDs", std::vector<std::uint32_t>{static_cast<std::uint32_t>(pid)}},
                     {"CPUAccounting", true},
                     {"MemoryAccounting", true},
                     {"IOAccounting", true},
                     {"TasksAccounting", true},
                     {"DefaultDependencies", false},
                     {"CollectMode", std::string("inactive-or-failed")}};
  // What is given takes the place of these.
  std::erase_if(all, [&](const UnitProperty& each) {
    return std::ranges::count(properties, each.name, &UnitProperty::name) > 0;
  });
  all.insert(all.end(), properties.begin(), properties.end());
  DBusWriter body;
  body.put_text(name.unit);
  body.put_text("replace");
  put_properties(body, all);
  const std::size_t others = body.begin_array(8);
  body.end_array(others, 8);
  const std::string what = fmt::format("can't start scope '{}' of systemd's", printable(name.unit));
  BOTHY_TRY(DBusMessage reply, call("StartTransientUnit", "ssa(sv)a(sa(sv))", body));
  if (is_error(reply) && reply.error_name == kUnitExists) {
    DBusWriter failed;
    failed.put_text(name.unit);
    BOTHY_TRY(call("ResetFailedUnit", "s", std::move(failed)));
    BOTHY_TRY(reply, call("StartTransientUnit", "ssa(sv)a(sa(sv))", std::move(body)));
  }
  if (is_error(reply)) {
    return unit_error(what, reply);
  }
  return finish_job(reply, what);
}

Result<void> SystemdManager::set_properties(const std::string& unit,
                                            const UnitProperties& properties) {
  if (properties.empty()) {
    return success();
  }
  DBusWriter body;
  body.put_text(unit);
  body.put_bool(true);  // until the next boot
  put_properties(body, properties);
  BOTHY_TRY(const DBusMessage reply, call("SetUnitProperties", "sba(sv)", std::move(body)));
  return is_error(reply)
             ? Result<void>(unit_error(
                   fmt::format("can't change scope '{}' of systemd's", printable(unit)), reply))
             : success();
}

Result<void> SystemdManager::stop(const std::string& unit) {
  const std::string what = fmt::format("can't stop scope '{}' of systemd's", printable(unit));
  DBusWriter body;
  body.put_text(unit);
  body.put_text("replace");
  BOTHY_TRY(const DBusMessage reply, call("StopUnit", "ss", std::move(body)));
  if (is_error(reply)) {
    return reply.error_name == kNoSuchUnit ? Result<void>(success())
                                           : Result<void>(unit_error(what, reply));
  }
  BOTHY_TRY(finish_job(reply, what));
  DBusWriter failed;
  failed.put_text(unit);
  BOTHY_TRY(call("ResetFailedUnit", "s", std::move(failed)));  // an error: it is gone already
  return success();
}

}  // namespace bothy::container

// Record: what bothy keeps of a container of the OCI interface, a directory ROOT/ID:
//
//   state.json   the record; written before there is a process, and again with its pid
//   config.json  the bundle's, as it was when the container was made
//   notify/      the socket on which the container says that it is ready, if the
//                caller has a service manager (NotifySocket)
//   vm.sock, v, v_1024, console, paused
//                of a microVM: its owner's socket for `exec` and `pause`, those of its
//                guest, what its kernel wrote, and whether it is paused
//   start.sock   where a created container waits for `start`; renamed and gone
//                once it has been started
//
// The directory itself reserves the id.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/seccomp.h"
#include "container/spec.h"

namespace bothy::oci {

// runtime-spec, runtime.md, State.
enum class Status : std::uint8_t { kCreating, kCreated, kRunning, kPaused, kStopped };
[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct Record {
  std::string version;  // of the config.json
  std::string id;
  pid_t pid = 0;                // 0: not yet
  std::uint64_t pid_start = 0;  // of the process, in clock ticks since boot: pids are used again
  std::string bundle;
  std::string root;
  std::string created;  // RFC 3339
  std::string owner;    // the user's name or number
  std::map<std::string, std::string> annotations;
  std::vector<std::string> cgroups;
  std::string unit;  // the scope of systemd's that its cgroup is; empty: none
  std::vector<container::Hook> start_container;
  std::vector<container::Hook> poststart;
  std::vector<container::Hook> poststop;
  bool vm = false;                      // a microVM, whose owner is the process
  container::SeccompListener listener;  // of the filter that the process gets at its start
};

// The containers of one ROOT. Any number of processes may work on it at once.
class Records {
 public:
  // `root`: --root; empty: /run/bothy/oci for root, $XDG_RUNTIME_DIR/bothy/oci for others. Makes
  // nothing.
  [[nodiscard]] static Result<Records> locate(const std::string& root);

  // kInvalid for an id that isn't made of letters, digits, "_", "+", "-" and ".", of 1 to 1024
  // characters; kBusy when it is in use.
  [[nodiscard]] Result<void> reserve(std::string_view id) const;
  [[nodiscard]] Result<void> save(const Record& record) const;
  // kNotFound when there is no such container.
  [[nodiscard]] Result<Record> load(std::string_view id) const;
  [[nodiscard]] Result<void> save_config(std::string_view id, std::string_view text) const;
  [[nodiscard]] Result<container::OciSpec> load_config(std::string_view id) const;
  [[nodiscard]] Result<void> remove(std::string_view id) const;
  // Removes the directory of an id whose container was never finished; none is no error.
  [[nodiscard]] Result<void> remove_leftover(std::string_view id) const;
  [[nodiscard]] std::string directory(std::string_view id) const;
  [[nodiscard]] std::string start_socket(std::string_view id) const;
  // There while a microVM is paused: its owner's cgroup isn't frozen.
  [[nodiscard]] std::string pause_mark(std::string_view id) const;
  [[nodiscard]] std::string notify_directory(std::string_view id) const;
  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  // Sorted; of all that have a directory. Without a ROOT there are none.
  [[nodiscard]] Result<std::vector<std::string>> ids() const;

  [[nodiscard]] Result<Status> status(const Record& record) const;

 private:
  explicit Records(std::string root) : root_(std::move(root)) {}

  std::string root_;
};

// The state as `state` prints it and hooks read it (runtime.md, State).
[[nodiscard]] boost::json::object state_object(const Record& record, Status status);
[[nodiscard]] std::string state_json(const Record& record, Status status);

// A descriptor of the container's first process; kNotFound when that has ended.
[[nodiscard]] Result<UniqueFd> open_process(const Record& record);
// As in Record::pid_start; kNotFound when there is no such process or it has ended.
[[nodiscard]] Result<std::uint64_t> process_start(pid_t pid);

}  // namespace bothy::oci

// Subject: something that runs an image's command, driven by its command line as a user does. An
// adapter is a pair of files and a line in subjects() (subjects.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/measure/starts.h"

namespace bothy::bench {

enum class Kind { kProcess, kContainer, kVm };
[[nodiscard]] std::string_view name_of(Kind kind) noexcept;

inline constexpr std::string_view kProbePath = "/bothy-bench-probe";
// Where instances write, and what a volume's directory is on the host.
enum class Place { kRoot, kVolume, kDisk };
[[nodiscard]] std::string_view name_of(Place place) noexcept;

using ProbeCommand = std::vector<std::string>;  // the probe's arguments, its name left out

// What every subject gets, so that they run the same. Directories of the session, removed at its
// end.
struct Workspace {
  std::string directory;
  std::string root;                // the image's file tree, with the probe
  std::string bothy;               // this program
  std::string kernel;              // of machines; empty: there is none
  std::uint64_t memory_mib = 128;  // of machines, and the limit of containers
  unsigned cpus = 1;
  bool limit_containers = false;  // cgroup v2 has the memory controller here
  bool filter_devices = false;    // root may raise its limits here, which crun needs for a filter

  // The directory that volumes show, for whoever makes it.
  [[nodiscard]] std::string volume() const { return directory + "/volume"; }
};

// Everything else but prepare() and clean() is const and is called once per instance. A subject
// owns the instances that it has started until remove().
class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Kind kind() const = 0;
  // False: its adapter was made from documentation, and has never run the real thing in our tests.
  [[nodiscard]] virtual bool tested() const { return true; }

  // What this host has of it, in a line; the error says why it can't be measured.
  [[nodiscard]] virtual Result<std::string> version(const Bench& bench,
                                                    const Workspace& workspace) const = 0;
  // Makes what all of its instances in a workspace need.
  [[nodiscard]] virtual Result<void> prepare(const Bench& bench, const Workspace& workspace);
  // Removes that, and what instances have left.
  [[nodiscard]] virtual Result<void> clean(const Bench& bench, const Workspace& workspace);

  // Runs the probe in a new instance that ends with it. Its stdout is the probe's, but a machine's
  // console may add to it. May write files that the command reads.
  [[nodiscard]] virtual Result<Invocation> run(const Workspace& workspace, const std::string& id,
                                               const ProbeCommand& probe) const = 0;
  // What run()'s output must have in it at the end, for subjects whose exit status says nothing of
  // the workload.
  [[nodiscard]] virtual std::string success_text() const { return {}; }
  // The same with the probe's port on the host's loopback address at `port`; nothing where the
  // subject has no network for that. `network` says which.
  struct Published {
    Invocation invocation;
    std::string network;
  };
  [[nodiscard]] virtual Result<std::optional<Published>> run_published(const Workspace& workspace,
                                                                       const std::string& id,
                                                                       unsigned port) const;
  // Runs the probe with the directory at `place`, where it may write, as its last argument.
  // kUnsupported for a subject that has no such place, with why not.
  [[nodiscard]] virtual Result<Invocation> run_writing(const Workspace& workspace,
                                                       const std::string& id, Place place,
                                                       const ProbeCommand& probe) const;
  // Runs the probe in the network that the subject makes by default, with the probe's port on the
  // host's loopback address. kUnsupported for a subject without one, with why not.
  [[nodiscard]] virtual Result<Published> run_networked(const Workspace& workspace,
                                                        const std::string& id, unsigned port,
                                                        const ProbeCommand& probe) const;
  // Runs the probe with less of a wall than by default, in which the ways out must lead somewhere;
  // nothing where there is none.
  [[nodiscard]] virtual Result<std::optional<Invocation>> run_weakened(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const;

  // run(), with the time of each step on stderr as `bothy run --trace-timing` prints it.
  [[nodiscard]] virtual Result<std::optional<Invocation>> run_traced(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const;

  // A detached instance: its command returns once the workload has started. Nothing: there is no
  // such thing, and the program of run() is itself the instance.
  [[nodiscard]] virtual Result<std::optional<Invocation>> start_detached(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const;
  // Runs the probe in a detached instance.
  [[nodiscard]] virtual Invocation enter(const Workspace& workspace, const std::string& id,
                                         const ProbeCommand& probe) const;
  // Commands that end and remove an instance that was started to stay, in this order.
  [[nodiscard]] virtual std::vector<Invocation> remove(const Workspace& workspace,
                                                       const std::string& id) const;
};

using Subjects = std::vector<std::unique_ptr<Subject>>;

// All, in the order of reports.
[[nodiscard]] Subjects subjects();

}  // namespace bothy::bench

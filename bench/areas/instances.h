// Instances: idle instances of one subject that run at the same time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// Ends an instance that is the only one, and whose program `child` is: by SIGTERM, or as the
// subject removes one.
void end_instance(BenchRun& run, const Subject& subject, const Workspace& workspace,
                  const std::string& id, const Child& child);

// Each is detached where the subject can do that; otherwise its command itself is kept running. One
// object at a time; the processes that it finds as the benchmark's children when it is made are
// left alone.
class Instances {
 public:
  Instances(BenchRun& run, const Subject& subject, const Workspace& workspace);
  Instances(const Instances&) = delete;
  Instances& operator=(const Instances&) = delete;
  // Kills what remove_all() hasn't removed.
  ~Instances();

  // One more, which has touched `mib` MiB and is ready. Returns the nanoseconds from the command's
  // exec until a detached command returned, or until a kept one said that it was ready.
  [[nodiscard]] Result<std::int64_t> start(std::uint64_t mib);
  // The same with a workload of its own, which must say "ready" as the probe's `idle` does.
  [[nodiscard]] Result<std::int64_t> start(const ProbeCommand& probe);
  [[nodiscard]] std::size_t count() const noexcept { return instances_.size(); }

  // Has the instance do a little work.
  [[nodiscard]] Result<void> prove_alive(std::size_t index);
  // Every process that belongs to the instances now, helpers included.
  [[nodiscard]] std::vector<pid_t> processes() const;

  // Ends and removes all, and waits until none of their processes is left.
  [[nodiscard]] Result<void> remove_all();

 private:
  struct Instance {
    std::string id;
    Child child;  // of a kept one
    std::string output;
  };

  [[nodiscard]] Result<std::int64_t> start_detached(const Invocation& invocation,
                                                    const std::string& id);
  [[nodiscard]] Result<std::int64_t> start_kept(const std::string& id, const ProbeCommand& probe);
  // Reads the instance's output until `text` is in what came after the last await().
  [[nodiscard]] Result<void> await(Instance& instance, std::string_view text);

  BenchRun& run_;
  const Subject& subject_;
  const Workspace& workspace_;
  const std::set<pid_t> before_;
  std::vector<Instance> instances_;
};

}  // namespace bothy::bench

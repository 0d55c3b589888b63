// ContainerIsolation: an instance as a namespaced process on the host's kernel. There is no agent
// inside: further processes, copies and look-ups enter the container from outside.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/timer.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"
#include "container/cgroup.h"
#include "container/id_ranges.h"
#include "container/seccomp.h"
#include "container/users.h"
#include "image/import/disk_builder.h"
#include "image/import/tree_builder.h"
#include "run/container/container_process.h"
#include "run/container/container_spec.h"
#include "run/container/image_mount.h"
#include "run/container/inside_files.h"
#include "run/container/network.h"
#include "run/isolation.h"

namespace bothy::run {

// What a container is made of beside the options.
struct ContainerParts {
  SpecParts spec;
  std::optional<image::Disk> disk;  // of root's
  std::optional<ImageMount> image;
  std::optional<image::Tree> tree;            // of an ordinary user's
  std::optional<container::ReservedIds> ids;  // --userns auto
  std::string scratch;                        // a file with an ext4; empty: memory
  std::string seccomp_cache;                  // a directory
};

//   [made] -- start() --> [running] -- the first process ends --> [ended]
//
// The end of the first process is the end of all: it is PID 1 of their PID namespace.
class ContainerIsolation final : public Isolation {
 public:
  ContainerIsolation(const IsolationContext& context, ContainerParts parts);
  ~ContainerIsolation() override;

  [[nodiscard]] Result<void> start() override;
  [[nodiscard]] Result<void> check_connected() const override;
  [[nodiscard]] Result<void> start_process(std::uint32_t process, const ProcessSpec& spec) override;
  void signal(std::uint32_t process, int signal) override;
  void resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override;
  void forget(std::uint32_t process) override;
  [[nodiscard]] Result<void> pause() override;
  [[nodiscard]] Result<void> resume() override;
  [[nodiscard]] Result<void> request_statistics() override;
  void request_path_info(std::uint32_t request, const std::string& path) override;
  void copy_in(std::uint32_t copy, const std::string& directory) override;
  void copy_out(std::uint32_t copy, const std::string& path) override;
  void shut_down(Shutdown urgency) override;
  void close() noexcept override;

 private:
  [[nodiscard]] Result<void> launch();
  [[nodiscard]] Result<void> make_namespaces(container::OciSpec& spec);
  [[nodiscard]] Result<void> start_network(pid_t pid);
  [[nodiscard]] std::string first_user() const;
  [[nodiscard]] Result<UniqueFd> make_root(container::LaunchOptions& how) const;
  [[nodiscard]] Result<void> make_cgroup(const container::OciSpec& spec);
  [[nodiscard]] Result<void> compile_filter();
  [[nodiscard]] Result<ProcessPipes> open_pipes(const ProcessSpec& process,
                                                const container::UserIds& user) const;
  [[nodiscard]] Result<void> add_process(std::uint32_t number, container::Launching launching,
                                         ProcessPipes pipes, bool waits);
  [[nodiscard]] ContainerProcess* find(std::uint32_t process) const;
  [[nodiscard]] Result<void> enter(std::uint32_t number, const ProcessSpec& spec,
                                   const container::UserIds& user);
  [[nodiscard]] bool has_user_network() const noexcept;
  void release_first();
  void rest_soon();
  void on_process_ended(std::uint32_t number);
  void check_ended();
  void kill_all() noexcept;

  const IsolationContext context_;
  ContainerParts parts_;
  std::optional<container::Cgroup> cgroup_;
  UniqueFd user_namespace_;
  std::vector<container::Namespace> namespaces_;  // that the container has of its own
  UniqueFd network_namespace_;  // of an ordinary user's container with a network of its own
  container::UserIds user_;     // of the first process
  std::optional<container::SeccompFilter> filter_;
  std::optional<UnixListener> start_socket_;  // on which the first process waits for its network
  bool network_is_ready_ = false;
  bool first_waits_ = false;
  std::map<std::uint32_t, std::unique_ptr<ContainerProcess>> processes_;
  InsideFiles files_;
  UserNetwork network_;
  Timer rest_;
  bool shutting_down_ = false;
  bool ended_ = false;
};

}  // namespace bothy::run

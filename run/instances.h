// Instances: all instances of this user, running or ended, each a directory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/instance.h"

namespace bothy::run {

// Any number of processes may work on one directory at once; its members may be called by any
// thread.
class Instances {
 public:
  // The first of BOTHY_RUN, /run/bothy for root, $XDG_RUNTIME_DIR/bothy and /tmp/bothy-UID for
  // others. kInvalid for a path too long for sockets below it. Large files are in the same
  // directory for BOTHY_RUN alone, otherwise in /var/lib/bothy, $XDG_STATE_HOME/bothy or
  // ~/.local/state/bothy.
  [[nodiscard]] static Result<Instances> locate();
  explicit Instances(std::string root) : root_(root), data_(std::move(root)) {}
  Instances(std::string root, std::string data) : root_(std::move(root)), data_(std::move(data)) {}

  // For what may be allowed of them.
  struct Directories {
    std::string names;
    std::string all;
    std::string all_data;  // may be the same as `all`
  };
  [[nodiscard]] Directories directories() const { return {names(), all(), all_data()}; }

  // Makes an instance with an id and, unless `settings` has one, a name. The caller is its owner.
  // kBusy when the name is in use, kInvalid when it isn't allowed.
  struct Created {
    Instance instance;
    Claim claim;
  };
  [[nodiscard]] Result<Created> create(Settings& settings) const;

  // By name or the start of an id. kNotFound; kInvalid for the start of several ids.
  [[nodiscard]] Result<Instance> find(std::string_view text) const;
  // The newest last.
  [[nodiscard]] std::vector<Instance> list() const;

  // Those without an owner: ended, lost, or never finished.
  [[nodiscard]] std::vector<Instance> without_owner() const;

  // Removes the directories and the name of an instance without an owner.
  [[nodiscard]] Result<void> remove(const Instance& instance) const;

 private:
  [[nodiscard]] UniqueFd lock_names() const;
  [[nodiscard]] Result<void> take_name(const Settings& settings) const;
  [[nodiscard]] std::string names() const { return root_ + "/names"; }
  [[nodiscard]] std::string all() const { return root_ + "/instances"; }
  [[nodiscard]] std::string all_data() const { return data_ + "/instances"; }
  [[nodiscard]] Instance with_id(const std::string& id) const {
    return {all() + "/" + id, all_data() + "/" + id};
  }
  [[nodiscard]] Result<void> make_directories() const;
  [[nodiscard]] Result<Claim> begin(const Instance& instance, const Settings& settings) const;
  void sweep_data() const;
  void sweep_unfinished() const;

  std::string root_;
  std::string data_;
};

}  // namespace bothy::run

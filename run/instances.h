// Instances: all that this user has running, or had: a directory with one for each of them.
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
  // BOTHY_RUN, /run/bothy for root, $XDG_RUNTIME_DIR/bothy or /tmp/bothy-UID for others: the first
  // that there is. kInvalid for a path so long that no socket fits below it. What may be large is
  // there only for BOTHY_RUN, and else where disks are: /var/lib/bothy, $XDG_STATE_HOME/bothy,
  // ~/.local/state/bothy.
  [[nodiscard]] static Result<Instances> locate();
  explicit Instances(std::string root) : root_(root), data_(std::move(root)) {}
  Instances(std::string root, std::string data) : root_(std::move(root)), data_(std::move(data)) {}

  // A new one, with an id, a name where it was given none, and its owner's claim: the caller is its
  // owner. kBusy when the name is in use, kInvalid when it can't be one.
  struct Created {
    Instance instance;
    Claim claim;
  };
  [[nodiscard]] Result<Created> create(Settings& settings) const;

  // By name, or by the first digits of its id. kNotFound; kInvalid when that could be several.
  [[nodiscard]] Result<Instance> find(std::string_view text) const;
  // The newest last.
  [[nodiscard]] std::vector<Instance> list() const;

  // Takes away the directories, and the name with them. Whoever runs it has to be stopped before.
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

  std::string root_;
  std::string data_;
};

}  // namespace bothy::run

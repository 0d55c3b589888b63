#include "run/owner_policy.h"

namespace bothy::run {

sandbox::Policy owner_policy(sandbox::Role role, const Instances& instances,
                             const Instance& instance) {
  using sandbox::Landlock;
  constexpr unsigned kOwn =
      Landlock::kRead | Landlock::kList | Landlock::kWrite | Landlock::kMake | Landlock::kRemove;
  const Instances::Directories shared = instances.directories();
  sandbox::Policy policy{role, {}, {}, true};
  policy.main_paths = {{instance.directory(), kOwn},
                       {instance.data_directory(), kOwn},
                       {shared.all, Landlock::kRemoveDirectory},
                       {shared.all_data, Landlock::kRemoveDirectory},
                       {shared.names, Landlock::kList | Landlock::kRemoveFile}};
  // The guest's connections to the agent's port, by a socket of the instance.
  policy.other_paths = {{instance.directory(), Landlock::kConnect}};
  return policy;
}

}  // namespace bothy::run

// Cgroup::Request: what a new cgroup is to have, and where this host has it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "container/cgroup.h"
#include "container/cgroup_limits.h"

namespace bothy::container {

struct Cgroup::Request {
  using Hierarchies = std::vector<const CgroupHost::Hierarchy*>;

  LimitWrites writes;
  std::vector<DeviceRule> rules;
  // Controllers of v2, and hierarchies of v1: those that the limits and rules need, and those that
  // statistics want. No name is in both.
  std::vector<std::string> needed;
  std::vector<std::string> wanted;
  Hierarchies needed_v1;
  Hierarchies wanted_v1;

  // kUnsupported when this host lacks a controller.
  [[nodiscard]] static Result<Request> make(const CgroupHost& host, const Resources& resources,
                                            const std::vector<DeviceRule>& rules,
                                            const std::vector<std::string>& counted);

 private:
  [[nodiscard]] Result<void> need(const CgroupHost& host, const std::string& controller,
                                  std::string_view purpose);
  void want(const CgroupHost& host, const std::string& controller);
};

}  // namespace bothy::container

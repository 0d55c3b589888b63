#include "oci/features.h"

#include <boost/json/array.hpp>

#include "container/capabilities.h"
#include "container/mount_options.h"
#include "container/seccomp_names.h"
#include "container/spec.h"

namespace bothy::oci {
namespace {

namespace json = boost::json;

template <class Names>
json::array array_of(const Names& names) {
  json::array array;
  for (const auto& name : names) {
    array.emplace_back(json::string(name));
  }
  return array;
}

json::array namespaces() {
  json::array array;
  for (std::size_t i = 0; i < container::kNamespaceKinds; ++i) {
    array.emplace_back(json::string(to_string(static_cast<container::NamespaceKind>(i))));
  }
  return array;
}

json::object seccomp() {
  const json::array flags = array_of(container::seccomp_flag_names());
  return {{"enabled", true},
          {"actions", array_of(container::seccomp_action_names())},
          {"operators", array_of(container::seccomp_compare_names())},
          {"archs", array_of(container::seccomp_architecture_names())},
          {"knownFlags", flags},
          {"supportedFlags", flags}};
}

}  // namespace

json::object features(std::string_view version) {
  json::object linux_features{
      {"namespaces", namespaces()},
      {"capabilities", array_of(container::capability_names(container::all_capabilities()))},
      {"cgroup",
       json::object{
           {"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", true}, {"rdma", false}}},
      {"seccomp", seccomp()},
      {"apparmor", json::object{{"enabled", true}}},
      {"selinux", json::object{{"enabled", true}}},
      {"intelRdt", json::object{{"enabled", false}}},
      {"mountExtensions", json::object{{"idmap", json::object{{"enabled", true}}}}}};
  return {{"ociVersionMin", "1.0.0"},
          {"ociVersionMax", kSpecVersion},
          {"hooks", json::array{"prestart", "createRuntime", "createContainer", "startContainer",
                                "poststart", "poststop"}},
          {"mountOptions", array_of(container::mount_option_names())},
          {"linux", std::move(linux_features)},
          {"annotations", json::object{{"org.bothy.version", version},
                                       {"org.opencontainers.runc.checkpoint.enabled", "false"},
                                       {"run.oci.crun.checkpoint.enabled", "false"}}}};
}

}  // namespace bothy::oci

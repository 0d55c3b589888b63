#include "container/spec_parse.h"

#include <boost/json/value.hpp>

#include "base/json_fields.h"

namespace bothy::container {
namespace {

constexpr std::string_view kSpecName = "config.json";
constexpr std::string_view kProcessName = "process.json";
constexpr std::string_view kResourcesName = "resources";
constexpr std::size_t kMaxHostName = 64;  // __NEW_UTS_LEN of Linux

Result<boost::json::value> parse_document(std::string_view json, std::string_view name) {
  if (json.size() > kMaxSpecSize) {
    return make_error(ErrorCode::kBadInput, "{} has more than {} bytes", name, kMaxSpecSize);
  }
  BOTHY_TRY(boost::json::object object, parse_object(json, name));
  return boost::json::value(std::move(object));
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Semantic versioning, as config.md's Specification version asks: 1.x.y, then what a preliminary
// version has ("1.0.2-dev"). A later 1.x adds members, of which bothy refuses those that matter.
bool is_known_version(std::string_view version) {
  const std::string_view numbers = version.substr(0, version.find_first_of("-+"));
  const std::size_t first = numbers.find('.');
  const std::size_t second = numbers.find('.', first + 1);
  return first != std::string_view::npos && second != std::string_view::npos &&
         numbers.substr(0, first) == "1" &&
         is_number(numbers.substr(first + 1, second - first - 1)) &&
         is_number(numbers.substr(second + 1));
}

Result<void> read_version(const SpecValue& value, std::string& version) {
  BOTHY_TRY(version, value.text());
  if (!is_known_version(version)) {
    return value.wrong("expected a version 1.x.y");
  }
  return success();
}

Result<void> read_root(const SpecValue& value, Root& root) {
  BOTHY_TRY(value.require("path"));
  BOTHY_TRY(value.read("path", root.path));
  if (root.path.empty()) {
    return value.wrong("path", "expected a path");
  }
  return value.read("readonly", root.read_only);
}

Result<void> read_host_name(const SpecValue& value, std::string& name) {
  BOTHY_TRY(name, value.text());
  if (name.size() > kMaxHostName) {
    return value.wrong(fmt::format("expected a name of at most {} bytes", kMaxHostName));
  }
  return success();
}

// What would change the host, or have no effect, without a namespace.
Result<void> check_namespaces(const SpecValue& document, const OciSpec& spec) {
  if (spec.find(NamespaceKind::kUts) != nullptr) {
    return success();
  }
  constexpr std::string_view kWrong = "can't be set without a uts namespace in linux.namespaces";
  if (!spec.hostname.empty()) {
    return document.wrong("hostname", kWrong);
  }
  if (!spec.domain_name.empty()) {
    return document.wrong("domainname", kWrong);
  }
  return success();
}

Result<void> read_annotations(const SpecValue& value, std::map<std::string, std::string>& all) {
  return value.read_members([&](const SpecValue& member, std::string_view name) -> Result<void> {
    if (name.empty()) {
      return value.wrong("a key is empty");
    }
    BOTHY_TRY(std::string text, member.text());
    all.emplace(name, std::move(text));
    return success();
  });
}

Result<void> read_size(const SpecValue& value, MachineSize& size) {
  BOTHY_TRY(value.read_number("vcpus", size.cpus, 1U));
  return value.read_number("memory", size.memory);
}

// A bundle chooses no program and no kernel that the host runs (CVE-2025-24965).
Result<void> read_machine(const SpecValue& value, MachineSize& size) {
  for (const char* member : {"hypervisor", "kernel", "image"}) {
    BOTHY_TRY(const bool is_there, value.has(member));
    if (is_there) {
      return value.wrong(member, "not supported: the host's configuration chooses it");
    }
  }
  return value.read_with("hwConfig", size, read_size);
}

// The rest of config.md's members.
Result<void> read_sections(const SpecValue& document, OciSpec& spec) {
  BOTHY_TRY(document.read_each("mounts", spec.mounts, read_mount));
  BOTHY_TRY(document.read_with("hooks", spec.hooks, read_hooks));
  BOTHY_TRY(document.read_with("annotations", spec.annotations, read_annotations));
  BOTHY_TRY(document.read_with("linux", spec, read_linux));
  BOTHY_TRY(document.read_with(
      "vm", spec.machine,
      [](const SpecValue& member, std::optional<MachineSize>& machine) -> Result<void> {
        return read_machine(member, machine.emplace());
      }));
  return check_namespaces(document, spec);
}

}  // namespace

Result<OciSpec> parse_spec(std::string_view json) {
  BOTHY_TRY(const boost::json::value value, parse_document(json, kSpecName));
  const SpecValue document(value, kSpecName);
  OciSpec spec;
  BOTHY_TRY(document.require("ociVersion"));
  BOTHY_TRY(document.read_with("ociVersion", spec.version, read_version));
  BOTHY_TRY(document.require("root"));
  BOTHY_TRY(document.read_with("root", spec.root, read_root));
  BOTHY_TRY(document.read_with("hostname", spec.hostname, read_host_name));
  BOTHY_TRY(document.read_with("domainname", spec.domain_name, read_host_name));
  BOTHY_TRY(document.read_with(
      "process", spec.process,
      [](const SpecValue& member, std::optional<Process>& process) -> Result<void> {
        return read_process(member, process.emplace());
      }));
  BOTHY_TRY(read_sections(document, spec));
  return spec;
}

Result<Process> parse_process(std::string_view json) {
  BOTHY_TRY(const boost::json::value value, parse_document(json, kProcessName));
  Process process;
  BOTHY_TRY(read_process(SpecValue(value, kProcessName), process));
  return process;
}

Result<Resources> parse_resources(std::string_view json) {
  BOTHY_TRY(const boost::json::value value, parse_document(json, kResourcesName));
  OciSpec spec;
  BOTHY_TRY(read_resources(SpecValue(value, kResourcesName), spec));
  return std::move(spec.resources);
}

}  // namespace bothy::container

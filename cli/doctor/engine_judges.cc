#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include "base/files.h"
#include "cli/doctor/engine_probes.h"
#include "cli/doctor/host.h"

namespace bothy::doctor {
namespace {

Finding finding_of(std::string_view id) {
  Finding finding;
  finding.id = id;
  finding.group = Group::kEngines;
  return finding;
}

Finding not_installed(std::string_view id) {
  Finding finding = finding_of(id);
  finding.status = Status::kInfo;
  finding.found = "not installed";
  return finding;
}

Finding failed(std::string_view id, std::string found, std::string remedy) {
  Finding finding = finding_of(id);
  finding.status = Status::kFail;
  finding.found = std::move(found);
  finding.remedy = std::move(remedy);
  return finding;
}

bool is_bothy(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with("bothy");
}

// The settings that are installed, or what they say: `text` has the runtime's path in it.
std::string to_add(const Installed& installed, std::string_view with_file, std::string_view text) {
  return std::string(installed.settings.empty() ? text : with_file);
}

std::string runtime_path(const Installed& installed) {
  return installed.runtime.empty() ? "/usr/local/bin/bothy-oci" : installed.runtime;
}

// "name" of [plugins."...".containerd.runtimes.name.options]
std::string_view runtime_of_section(std::string_view section) {
  constexpr std::string_view kBefore = ".runtimes.";
  const std::size_t start = section.find(kBefore);
  if (start == std::string_view::npos) {
    return {};
  }
  section.remove_prefix(start + kBefore.size());
  return section.substr(0, section.find_first_of(".]"));
}

// The value of `key = "value"`; empty for another line.
std::string_view quoted_value(std::string_view line, std::string_view key) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || !line.substr(first).starts_with(key)) {
    return {};
  }
  const std::size_t begin = line.find('"');
  const std::size_t end = line.rfind('"');
  return end == std::string_view::npos || begin == end ? std::string_view()
                                                       : line.substr(begin + 1, end - begin - 1);
}

constexpr std::string_view kContainerdRuntimes =
    "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.";

struct ContainerdRuntimes {
  std::string_view bothy;    // the name of the first that is bothy
  std::string_view program;  // its path
  std::string_view default_name;
  bool has_default = true;
};

// What `containerd config dump` says.
ContainerdRuntimes containerd_runtimes(std::string_view config) {
  ContainerdRuntimes runtimes;
  std::string_view section;
  for (const std::string_view line : lines(config)) {
    if (line.find('[') < line.find('=')) {
      section = line;
    }
    const std::string_view name = runtime_of_section(section);
    if (const auto value = quoted_value(line, "default_runtime_name"); !value.empty()) {
      runtimes.default_name = value;
      runtimes.has_default = false;
    }
    runtimes.has_default = runtimes.has_default || name == runtimes.default_name;
    const std::string_view program = quoted_value(line, "BinaryName");
    if (runtimes.bothy.empty() && is_bothy(program)) {
      runtimes.bothy = name;
      runtimes.program = program;
    }
  }
  return runtimes;
}

}  // namespace

Finding judge_runtime(const Installed& installed) {
  if (installed.runtime.empty()) {
    Finding finding = failed(kRuntimeFinding, "not found in PATH",
                             "sudo ln -s \"$(command -v bothy)\" /usr/local/bin/bothy-oci");
    finding.status = Status::kWarn;  // an engine may have its path
    return finding;
  }
  Finding finding = finding_of(kRuntimeFinding);
  finding.found = installed.runtime;
  return finding;
}

Finding judge_podman(const std::optional<Answer>& info, const Installed& installed) {
  constexpr std::string_view kId = "podman";
  if (!info) {
    return not_installed(kId);
  }
  const std::vector<std::string_view> values = lines(info->output);
  if (!info->succeeded || values.size() < 3) {
    return failed(kId, fmt::format("has no runtime 'bothy': {}", printable(info->message)),
                  to_add(installed,
                         fmt::format("sudo mkdir -p /etc/containers/containers.conf.d &&\n"
                                     "sudo ln -s {}/containers.conf "
                                     "/etc/containers/containers.conf.d/bothy.conf",
                                     installed.settings),
                         fmt::format("add to /etc/containers/containers.conf.d/bothy.conf:\n"
                                     "[engine]\n"
                                     "runtime_supports_json = [\"bothy\", \"crun\", \"runc\"]\n"
                                     "[engine.runtimes]\n"
                                     "bothy = [\"{}\"]",
                                     runtime_path(installed))));
  }
  Finding finding = finding_of(kId);
  finding.found = fmt::format("{}: runtime 'bothy' is {}, cgroups by {}", printable(values[2]),
                              printable(values[0]), printable(values[1]));
  finding.meaning = "podman --runtime bothy run ...";
  return finding;
}

Finding judge_containerd(const std::optional<Answer>& config, const Installed& installed) {
  constexpr std::string_view kId = "containerd";
  if (!config) {
    return not_installed(kId);
  }
  const ContainerdRuntimes runtimes = containerd_runtimes(config->output);
  if (runtimes.bothy.empty()) {
    return failed(
        kId, config->succeeded ? "no runtime is bothy" : printable(config->message),
        to_add(installed,
               fmt::format("cat {}/containerd.toml | sudo tee -a /etc/containerd/config.toml &&\n"
                           "sudo systemctl restart containerd",
                           installed.settings),
               fmt::format("add to /etc/containerd/config.toml, which has \"version = 2\":\n"
                           "[{0}bothy]\n"
                           "  runtime_type = \"io.containerd.runc.v2\"\n"
                           "  [{0}bothy.options]\n"
                           "    BinaryName = \"{1}\"\n"
                           "[{0}runc]\n"
                           "  runtime_type = \"io.containerd.runc.v2\"",
                           kContainerdRuntimes, runtime_path(installed))));
  }
  if (!runtimes.has_default) {
    return failed(kId,
                  fmt::format("has no runtime '{}', which is its default: Kubernetes can't use it",
                              printable(runtimes.default_name)),
                  fmt::format("add to /etc/containerd/config.toml:\n"
                              "[{}{}]\n"
                              "  runtime_type = \"io.containerd.runc.v2\"",
                              kContainerdRuntimes, printable(runtimes.default_name)));
  }
  Finding finding = finding_of(kId);
  const std::string name = printable(runtimes.bothy);
  const std::string program = printable(runtimes.program);
  finding.found = fmt::format("runtime '{}' is {}", name, program);
  finding.meaning = fmt::format(
      "a runtime class of Kubernetes with the handler {}; ctr takes "
      "the program itself: ctr run --runc-binary {} ...",
      name, program);
  return finding;
}

Finding judge_docker(const std::optional<Answer>& runtimes, const Installed& installed) {
  constexpr std::string_view kId = "docker";
  if (!runtimes) {
    return not_installed(kId);
  }
  if (!runtimes->succeeded) {
    return failed(kId, fmt::format("its daemon doesn't answer: {}", printable(runtimes->message)),
                  "sudo systemctl start docker");
  }
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(runtimes->output, error);
  const boost::json::object none;
  const boost::json::object& all = !error && parsed.is_object() ? parsed.get_object() : none;
  for (const auto& [name, value] : all) {
    const auto* runtime = value.if_object();
    const auto* path = runtime != nullptr ? runtime->if_contains("path") : nullptr;
    if (path != nullptr && path->is_string() && is_bothy(path->get_string())) {
      Finding finding = finding_of(kId);
      const std::string shown = printable(name);
      finding.found =
          fmt::format("runtime '{}' is {}", shown, printable(std::string_view(path->get_string())));
      finding.meaning = fmt::format("docker run --runtime {} ...", shown);
      return finding;
    }
  }
  return failed(kId, "no runtime is bothy",
                fmt::format("add to /etc/docker/daemon.json, and restart docker:\n"
                            "{{\"runtimes\": {{\"bothy\": {{\"path\": \"{}\"}}}}}}",
                            runtime_path(installed)));
}

}  // namespace bothy::doctor

#include "cli/doctor/host_class.h"

#include <algorithm>
#include <string>

#include "cli/doctor/host.h"

namespace bothy::doctor {
namespace {

// The text after the colon of the first line with this key.
std::string_view value_of(std::string_view cpuinfo, std::string_view key) {
  for (const std::string_view line : lines(cpuinfo)) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && line.substr(0, line.find_first_of("\t:")) == key) {
      return line.substr(colon + 1);
    }
  }
  return {};
}

Finding host_class(std::string_view name, std::string meaning) {
  return {std::string(kHostClass), Group::kMicrovms,   Status::kInfo,
          std::string(name),       std::move(meaning), {}};
}

}  // namespace

bool is_emulated_processor(std::string_view cpuinfo) {
  return value_of(cpuinfo, "model name").find("QEMU TCG") != std::string_view::npos;
}

Finding judge_host_class(const Findings& findings, std::string_view cpuinfo) {
  const auto failed = std::ranges::find_if(findings, [](const Finding& finding) {
    return finding.group == Group::kMicrovms && finding.status == Status::kFail;
  });
  if (failed != findings.end()) {
    return host_class("none", "no Linux guest runs: " + failed->found);
  }
  if (is_emulated_processor(cpuinfo)) {
    return host_class("emulated", "QEMU emulates the processor: times of guests mean nothing");
  }
  if (std::ranges::count(words(value_of(cpuinfo, "flags")), "hypervisor") != 0) {
    return host_class("nested", "guests of a guest: exits cost more than on hardware");
  }
  return host_class("bare", "guests run on hardware");
}

}  // namespace bothy::doctor

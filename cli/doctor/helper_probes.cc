#include "cli/doctor/helper_probes.h"

#include <fmt/format.h>

#include <array>

#include "base/find_program.h"

namespace bothy::doctor {
namespace {

constexpr std::array kHelpers{
    Helper{"passt", "gives microVMs a network without privileges", "passt"},
    Helper{"pasta", "gives containers a network without privileges", "passt"},
    Helper{"virtiofsd", "shares host directories with microVMs", "virtiofsd"},
    Helper{"skopeo", "pulls images from registries", "skopeo"},
    Helper{"mkfs.erofs", "creates read-only disks from images", "erofs-utils"},
    Helper{"mke2fs", "creates writable disks (run --storage)", "e2fsprogs"},
    Helper{"qemu-img", "converts disk images", "qemu-utils"},
    Helper{"newuidmap", "maps several user IDs into containers of ordinary users", "uidmap"},
};

}  // namespace

Finding judge_helper(const Helper& helper, std::string_view path) {
  Finding finding;
  finding.id = helper.program;
  finding.group = Group::kHelpers;
  finding.meaning = helper.purpose;
  if (path.empty()) {
    finding.status = Status::kWarn;
    finding.found = "not found";
    finding.remedy = fmt::format("sudo apt install {}", helper.package);
  } else {
    finding.found = path;
  }
  return finding;
}

Findings probe_helpers() {
  Findings findings;
  for (const Helper& helper : kHelpers) {
    // An ordinary user's PATH has no sbin, and no PATH has virtiofsd's directory.
    const auto found = find_program(helper.program, path_variable(),
                                    {"/usr/sbin", "/sbin", "/usr/libexec", "/usr/lib/qemu"});
    findings.push_back(judge_helper(helper, found.value_or("")));
  }
  return findings;
}

}  // namespace bothy::doctor

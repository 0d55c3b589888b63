// What this program becomes for containers that are microVMs.
#include <memory>

#include "cli/flags.h"
#include "cli/oci/verb.h"
#include "oci/vm_exec.h"
#include "oci/vm_launch.h"
#include "oci/vm_owner.h"

namespace bothy {

void add_owner_verb(const OciApp& oci) {
  const auto id = std::make_shared<std::string>();
  CLI::App& command = add_oci_verb(
      oci, oci::kOwnerVerb, "Own a microVM",
      [id](const oci::Records& records) -> Result<int> { return oci::own_vm(records, *id); });
  add_container_id(command, *id);
}

void add_stub_verb(const OciApp& oci) {
  const auto terminal = std::make_shared<bool>(false);
  CLI::App& command = add_oci_verb(
      oci, oci::kStubVerb, "Stand for a process in a microVM",
      [terminal](const oci::Records& /*records*/) { return oci::stand_in(*terminal); });
  add_switch(command, "--tty", *terminal, "The process has a terminal");
}

}  // namespace bothy

// state.
#include <memory>

#include "cli/exit_status.h"
#include "cli/json_text.h"
#include "cli/oci/verb.h"

namespace bothy {

void add_state_verb(const OciApp& oci) {
  const auto id = std::make_shared<std::string>();
  add_container_id(add_oci_verb(oci, "state", "Print the state of a container",
                                [id](const oci::Records& records) -> Result<int> {
                                  BOTHY_TRY(const oci::Record record, records.load(*id));
                                  BOTHY_TRY(const oci::Status status, records.status(record));
                                  write_result(oci::state_json(record, status));
                                  return exit_status::kSuccess;
                                }),
                   *id);
}

}  // namespace bothy

// features, spec, and what is refused: checkpoint, restore.
#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <span>

#include "base/files.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/json_text.h"
#include "cli/oci/verb.h"
#include "oci/features.h"

namespace bothy {
namespace {

struct SpecFlags {
  std::string bundle;
  bool rootless = false;
};

Result<int> write_spec(const SpecFlags& flags) {
  const std::string path = (flags.bundle.empty() ? "" : flags.bundle + "/") + "config.json";
  const auto file = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file) {
    return exists(path) ? make_error(ErrorCode::kInvalid, "'{}' exists already: remove it first",
                                     printable(path))
                        : file.error();
  }
  const std::string text =
      pretty_json(oci::default_spec({flags.rootless, ::geteuid(), ::getegid()})) + "\n";
  BOTHY_TRY(write_all(file.value().get(), std::as_bytes(std::span(text)), path));
  return exit_status::kSuccess;
}

void add_refused(const OciApp& oci, const char* name) {
  CLI::App& command = add_oci_verb(
      oci, name, "Refused: containers can't be saved", [name](const oci::Records&) -> Result<int> {
        return make_error(ErrorCode::kUnsupported, "{}: bothy doesn't save and restore containers",
                          name);
      });
  command.allow_extras();
}

}  // namespace

void add_features_verb(const OciApp& oci) {
  add_oci_verb(oci, "features", "Print what this runtime can do, as JSON",
               [version = oci.version](const oci::Records&) -> Result<int> {
                 write_result(pretty_json(oci::features(version)));
                 return exit_status::kSuccess;
               });
}

void add_spec_verb(const OciApp& oci) {
  const auto flags = std::make_shared<SpecFlags>();
  CLI::App& command = add_oci_verb(oci, "spec", "Write a config.json to begin with",
                                   [flags](const oci::Records&) { return write_spec(*flags); });
  add_value(command, "-b,--bundle", flags->bundle, "DIR", "Where it is written");
  add_switch(command, "--rootless", flags->rootless, "For an ordinary user");
}

void add_checkpoint_verb(const OciApp& oci) {
  add_refused(oci, "checkpoint");
}

void add_restore_verb(const OciApp& oci) {
  add_refused(oci, "restore");
}

}  // namespace bothy

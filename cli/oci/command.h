// `bothy oci`: the OCI runtime interface.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}  // namespace CLI

namespace bothy {

void add_oci_command(CLI::App& app, int& status);

}  // namespace bothy

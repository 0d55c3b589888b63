// `bothy doctor`: what this host can do.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// Adds the subcommand to `app`. When it is chosen it runs and leaves its exit status in
// `exit_status`: 0 when microVMs can run here, 1 otherwise.
void add_doctor_command(CLI::App& app, int& exit_status);

}  // namespace bothy

// `bothy cp`: copies files between an instance and the host.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// Adds the subcommand; parsing it runs it and leaves the exit status.
void add_copy_command(CLI::App& app, int& status);

}  // namespace bothy

// `bothy boot`: a bare microVM, for kernel developers.
#pragma once

namespace CLI {
class App;
}

namespace bothy {

// Adds the subcommand to `app`. When it is chosen it runs and leaves its exit status in `status`.
void add_boot_command(CLI::App& app, int& status);

}  // namespace bothy

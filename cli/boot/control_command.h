// `bothy control`: sends a command to a running machine by its control socket.
#pragma once

namespace CLI {
class App;
}

namespace bothy {

// Adds the subcommand to `app`. When it is chosen, it runs and leaves its exit status in `status`.
void add_control_command(CLI::App& app, int& status);

}  // namespace bothy

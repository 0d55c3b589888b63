// `bothy control`: asks a running machine, by its control socket.
#pragma once

namespace CLI {
class App;
}

namespace bothy {

// `status` is what the program will exit with.
void add_control_command(CLI::App& app, int& status);

}  // namespace bothy

// `bothy exec`, `ps`, `logs`, `attach`, `stop`, `kill`, `wait`, `pause`, `resume`, `rm`, `inspect`
// and `stats`: the commands for instances, whatever their isolation.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// The commands' callbacks set `status`, the program's exit status.
void add_instance_commands(CLI::App& app, int& status);

}  // namespace bothy

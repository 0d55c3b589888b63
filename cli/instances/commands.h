// `bothy exec`, `ps`, `logs`, `attach`, `stop`, `kill`, `wait`, `pause`, `resume`, `rm`, `inspect`
// and `stats`: what runs, whatever its isolation.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// Their callbacks set `status`, the program's exit status.
void add_instance_commands(CLI::App& app, int& status);

}  // namespace bothy

// `bothy run`: a command in a new instance of an image.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// Its callback sets `status`, the program's exit status.
void add_run_command(CLI::App& app, int& status);

}  // namespace bothy

// The commands of bothy image (docs/images.md).
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// `exit_status` is set when the command was run: 0, or 125 for every failure, as Docker has it.
void add_image_command(CLI::App& app, int& exit_status);

}  // namespace bothy

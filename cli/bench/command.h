// `bothy bench`: isolation and density, measured; reports of it, and comparisons.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}  // namespace CLI

namespace bothy {

void add_bench_command(CLI::App& app, int& status);

}  // namespace bothy

// bothy-reference: writes bothy's manual pages and completions into a directory, of the commands as
// they are built.
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "base/result.h"
#include "cli/reference/command.h"
#include "cli/reference/completions.h"
#include "cli/reference/man_page.h"

namespace bothy::reference {
namespace {

constexpr unsigned kMode = 0644;

Result<void> write_pages(const Command& command, const std::string& parent,
                         const std::string& directory) {
  BOTHY_TRY(replace_file(directory + "/" + page_name(command) + ".1",
                         man_page(command, parent, BOTHY_VERSION), kMode));
  for (const std::string& alias : command.aliases) {
    // The command's own page may be named so.
    if (alias != page_name(command)) {
      BOTHY_TRY(replace_file(directory + "/" + alias + ".1",
                             ".so man1/" + page_name(command) + ".1\n", kMode));
    }
  }
  for (const Command& each : command.commands) {
    BOTHY_TRY(write_pages(each, page_name(command), directory));
  }
  return success();
}

Result<void> write_all(const std::string& directory) {
  const Command program = describe_program();
  BOTHY_TRY(write_pages(program, {}, directory + "/man"));
  using File = std::pair<const char*, std::string>;
  const std::array files{File{"/bash/bothy", bash_completion(program)},
                         File{"/fish/bothy.fish", fish_completion(program)},
                         File{"/zsh/_bothy", zsh_completion(program)}};
  for (const auto& [name, text] : files) {
    BOTHY_TRY(replace_file(directory + name, text, kMode));
  }
  return success();
}

}  // namespace
}  // namespace bothy::reference

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("Usage: bothy-reference DIR\n", stderr);
    return 2;
  }
  const auto done = bothy::reference::write_all(argv[1]);
  if (!done) {
    std::fprintf(stderr, "bothy-reference: %s\n", done.error().context.c_str());
  }
  return done ? 0 : 1;
}

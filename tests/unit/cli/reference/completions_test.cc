#include "cli/reference/completions.h"

#include <string_view>

#include "tests/support/catch.h"
#include "tests/unit/cli/reference/sample.h"

namespace bothy::reference {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_CASE("a word of a shell", "[reference]") {
  CHECK(shell_word("") == "''");
  CHECK(shell_word("it's $HOME") == R"('it'\''s $HOME')");
}

TEST_CASE("commands come after their parent", "[reference]") {
  const Command command = sample();
  const auto all = all_commands(command);
  REQUIRE(all.size() == 2);
  CHECK(all[0]->word() == "box");
  CHECK(all[1]->word() == "open");
}

TEST_CASE("bash completes commands, flags and values", "[reference]") {
  const std::string text = bash_completion(sample());
  CHECK(has(text, R"(    'bothy box')
      commands='open'
      flags='-h --help -s --size --way'
      operand='@file'
      ;;
)"));
  CHECK(has(text, "    'bothy box -s' | 'bothy box --size') kind='' ;;\n"));
  CHECK(has(text, "    'bothy box --way') kind='up down' ;;\n"));
  // A switch has no value.
  CHECK_FALSE(has(text, "--help')"));
}

TEST_CASE("fish completes commands, flags and values", "[reference]") {
  const std::string text = fish_completion(sample());
  const std::string start = R"(__bothy_complete -n '__bothy_at \'bothy box\'')";
  CHECK(has(text, start + " -a 'open' -d 'Open a box'\n"));
  CHECK(has(text, start + " -s h -l help -d 'Print this'\n"));
  CHECK(has(text, start + " -s s -l size -x -d 'Size [K:M]'\n"));
  CHECK(has(text, start + " -l way -x -a 'up down' -d 'The way'\n"));
  CHECK(has(text, start + " -F\n"));
}

TEST_CASE("zsh completes commands, flags and values", "[reference]") {
  const std::string text = zsh_completion(sample());
  CHECK(has(text, "    '(-s --size)-s+[Size \\[K\\:M\\]]:SIZE: ' \\\n"));
  CHECK(has(text, "    '(-s --size)--size=[Size \\[K\\:M\\]]:SIZE: ' \\\n"));
  CHECK(has(text, "    '*--way=[The way]:HOW:(up down)' \\\n"));
  CHECK(has(text, "        'open:Open a box'\n"));
  CHECK(has(text, "        open) _bothy-box-open-command ;;\n"));
}

}  // namespace
}  // namespace bothy::reference

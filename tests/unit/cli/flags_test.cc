#include "cli/flags.h"

#include <CLI/CLI.hpp>

#include "tests/support/catch.h"

namespace bothy {
namespace {

bool names(std::vector<std::string> words, std::string_view flag) {
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  return may_name(pointers, flag);
}

}  // namespace

TEST_CASE("A flag is found by each form that a command line may have it in") {
  CHECK(names({"bothy", "run", "--env", "A=B", "x"}, "-e,--env"));
  CHECK(names({"bothy", "run", "--env=A=B", "x"}, "-e,--env"));
  CHECK(names({"bothy", "run", "-e", "A=B"}, "-e,--env"));
  CHECK(names({"bothy", "run", "-eA=B"}, "-e,--env"));
  CHECK(names({"bothy", "run", "-it"}, "-t,--tty"));
  CHECK(names({"bothy", "run", "--rm"}, "--rm"));
}

TEST_CASE("A flag that no word can be isn't found") {
  CHECK_FALSE(names({"bothy", "run", "--env-file", "x"}, "-e,--env"));
  CHECK_FALSE(names({"bothy", "run", "--en", "x"}, "-e,--env"));
  CHECK_FALSE(names({"bothy", "run", "env", "--", ""}, "-e,--env"));
  CHECK_FALSE(names({}, "-e,--env"));
}

TEST_CASE("Help names all flags") {
  CHECK(names({"bothy", "run", "--help"}, "-e,--env"));
  CHECK(names({"bothy", "run", "-h"}, "--rm"));
}

TEST_CASE("All flags are added while no command line is noted") {
  CLI::App command;
  std::string value = "before";
  bool given = false;
  CHECK(add_value(command, "--value", value, "TEXT", "Value")->capture_default_str() != nullptr);
  CHECK(add_switch(command, "-s,--switch", given, "Switch") != nullptr);
  command.parse("--value after -s");
  CHECK(value == "after");
  CHECK(given);
}

}  // namespace bothy

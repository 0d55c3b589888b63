#include "base/find_program.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {

TEST_CASE("A program is an executable file in the first absolute directory that has it") {
  const test::TemporaryDirectory root;
  std::filesystem::create_directories(root / "a/tool");  // a directory of that name
  std::filesystem::create_directories(root / "b");
  ::chmod(root.write("b/tool", "#!/bin/sh\n").c_str(), 0755);
  ::chmod(root.write("b/text", "not executable\n").c_str(), 0644);
  const std::string a = root / "a";
  const std::string b = root / "b";
  CHECK(find_program("tool", a + ":" + b) == b + "/tool");
  CHECK(find_program("tool", a, {b}) == b + "/tool");
  CHECK(find_program("tool", "", {b}) == b + "/tool");
  CHECK_FALSE(find_program("tool", a + "::"));
  CHECK_FALSE(find_program("text", b));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(root.path());
  CHECK_FALSE(find_program("tool", "b:."));
  std::filesystem::current_path(before);
}

TEST_CASE("A program may be in each directory of PATH, or is a path") {
  using Paths = std::vector<std::string>;
  CHECK(program_candidates("tool", "/a::b") == Paths{"/a/tool", "./tool", "b/tool"});
  CHECK(program_candidates("a/tool", "/a:/b") == Paths{"a/tool"});
  CHECK(program_candidates("tool", "").empty());
}

TEST_CASE("A process without PATH has a default") {
  const std::string before(path_variable());
  ::unsetenv("PATH");
  CHECK(path_variable() == "/usr/bin:/bin");
  CHECK(find_program("sh", path_variable()));
  ::setenv("PATH", before.c_str(), 1);
  CHECK(path_variable() == before);
}

TEST_CASE("The last line of a program's output is fit for an error") {
  CHECK(last_line("first\nsecond\n\n") == "second");
  CHECK(last_line("first\nno syslog here\n", "syslog") == "first");
  CHECK(last_line("red \x1b[31m") == "red \\x1b[31m");
  CHECK(last_line("\n") == "no error message");
}

}  // namespace bothy

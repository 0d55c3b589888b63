#include "vmm/boot/command_line.h"

#include <random>

#include "arch/kernel_parameters.h"
#include "tests/support/catch.h"

namespace bothy::boot {
namespace {

std::string line(std::string_view defaults, std::string_view user) {
  CommandLine command_line;
  command_line.add_default(defaults);
  command_line.add_user(user);
  auto text = command_line.assemble(arch::kDefaultCommandLineLimit);
  REQUIRE(text.has_value());
  return std::move(text).value();
}

Error refused(std::string_view user, std::size_t limit = arch::kDefaultCommandLineLimit) {
  CommandLine command_line;
  command_line.add_default("panic=-1");
  command_line.add_user(user);
  auto text = command_line.assemble(limit);
  REQUIRE(text.has_error());
  return std::move(text).error();
}

}  // namespace

TEST_CASE("Words are separated as by the kernel") {
  using Words = std::vector<std::string_view>;
  CHECK(split_words("").empty());
  CHECK(split_words(" \t\n ").empty());
  CHECK(split_words(" a  b=c\td ") == Words{"a", "b=c", "d"});
  CHECK(split_words("a=\"b c\" d") == Words{"a=\"b c\"", "d"});
  CHECK(split_words("\"a=b c\" d") == Words{"\"a=b c\"", "d"});
  CHECK(split_words("x\"y z\"w v") == Words{"x\"y z\"w", "v"});
  // An unclosed quote extends to the end.
  CHECK(split_words("a \"b c") == Words{"a", "\"b c"});
}

TEST_CASE("A word's parameter name is that of the kernel's parser") {
  CHECK(parameter_name("panic=-1") == "panic");
  CHECK(parameter_name("quiet") == "quiet");
  CHECK(parameter_name("a=b=c") == "a");
  CHECK(parameter_name("\"dyndbg=file a +p\"") == "dyndbg");
  CHECK(parameter_name("\"quiet\"") == "quiet");
  CHECK(parameter_name("\"").empty());
  CHECK(parameter_name("").empty());
}

TEST_CASE("The user's parameter overrides a default of the same name") {
  CHECK(line("", "").empty());
  CHECK(line("console=ttyS0 panic=-1", "") == "console=ttyS0 panic=-1");
  CHECK(line("", "quiet") == "quiet");
  CHECK(line("console=ttyS0 panic=-1", "quiet") == "console=ttyS0 panic=-1 quiet");
  CHECK(line("console=ttyS0 panic=-1", "panic=5") == "console=ttyS0 panic=5");
  CHECK(line("console=ttyS0 panic=-1", "panic=5 console=hvc0") == "panic=5 console=hvc0");
  CHECK(line("panic=-1", "panic") == "panic");
  // Another parameter that only begins, or is quoted, alike.
  CHECK(line("panic=-1", "panic_on_oops=1") == "panic=-1 panic_on_oops=1");
  CHECK(line("panic=-1", "foo=\"a panic=5\"") == "panic=-1 foo=\"a panic=5\"");
  CHECK(line("panic=-1", "\"panic=5\"") == "\"panic=5\"");
  // lib/cmdline.c and kernel/params.c: dash and underscore are one in a name.
  CHECK(line("reboot_mode=k i8042.no-aux", "i8042.no_aux") == "reboot_mode=k i8042.no_aux");
  // Behind "--" are init's arguments.
  CHECK(line("panic=-1", "quiet -- panic=5") == "panic=-1 quiet -- panic=5");
}

TEST_CASE("The last defaults follow the user's parameters and precede init's arguments") {
  const auto with_last = [](std::string_view user) {
    CommandLine command_line;
    command_line.add_default("a=1");
    command_line.add_last_default("y=1 z");
    command_line.add_user(user);
    return command_line.assemble(arch::kDefaultCommandLineLimit).value();
  };
  CHECK(with_last("") == "a=1 y=1 z");
  CHECK(with_last("quiet") == "a=1 quiet y=1 z");
  CHECK(with_last("y=2") == "a=1 y=2 z");
  CHECK(with_last("b -- y=2") == "a=1 b  y=1 z -- y=2");
  CHECK(with_last("--") == "a=1 y=1 z --");
  // An unclosed quote would include them.
  CHECK(with_last("b=\"c d") == "a=1 b=\"c d");
}

TEST_CASE("The user's text is unchanged, several pieces in order") {
  CHECK(line("a", "  b   \"c  d\"\te ") == "a   b   \"c  d\"\te ");
  CommandLine command_line;
  command_line.add_user("one");
  command_line.add_user("");
  command_line.add_user("two");
  CHECK(command_line.assemble(arch::kDefaultCommandLineLimit).value() == "one two");
}

TEST_CASE("A command line that is too long is refused with the excess") {
  CommandLine exact;
  exact.add_user(std::string(arch::kDefaultCommandLineLimit, 'x'));
  CHECK(exact.assemble(arch::kDefaultCommandLineLimit).value().size() == 2047);
  const Error error = refused(std::string(arch::kDefaultCommandLineLimit, 'x'));
  CHECK(error.code == ErrorCode::kInvalid);
  // The defaults with a space behind them.
  CHECK(error.context.find("9 bytes too long: it has 2056 bytes, 9 of them bothy's defaults") !=
        std::string::npos);
}

TEST_CASE("A control byte in a command line is refused with its position") {
  for (const char c : {'\0', '\n', '\r', '\x1b', '\x7f'}) {
    const Error error = refused(std::string("ab") + c);
    CHECK(error.code == ErrorCode::kInvalid);
    CHECK(error.context.find("control byte") != std::string::npos);
    CHECK(error.context.find("at 11") != std::string::npos);
  }
  CHECK(line("", "caf\xc3\xa9") == "caf\xc3\xa9");
}

TEST_CASE("Random user text ends the line and drops the defaults that it overrides") {
  std::minstd_rand random(5);
  const std::string_view alphabet = "ab=\" -_\t";
  for (int round = 0; round < 2000; ++round) {
    std::string user;
    for (auto left = random() % 24; left > 0; --left) {
      user += alphabet[random() % alphabet.size()];
    }
    INFO(user);
    const std::string text = line("a=1 b=2 a_b=3 b", user);
    CHECK(text.ends_with(user));
    const std::string_view kept = std::string_view(text).substr(0, text.size() - user.size());
    for (const std::string_view word : split_words(user)) {
      if (word == "--") {
        break;
      }
      for (const std::string_view other : split_words(kept)) {
        CHECK(parameter_name(word) != parameter_name(other));
      }
    }
  }
}

}  // namespace bothy::boot

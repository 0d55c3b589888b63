#include "cli/reference/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "cli/help.h"
#include "cli/reference/completions.h"
#include "tests/support/catch.h"

namespace bothy::reference {
namespace {

TEST_CASE("a command as CLI11 has it", "[reference]") {
  CLI::App app("Put", "bothy");
  set_help_form(app);
  std::string format = "text";
  std::vector<std::string> volumes;
  std::string switched = "on";
  app.add_option("-f,--format", format, "Form")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--volume", volumes, "Mount")->type_name("DIR[:ro]")->take_all();
  app.add_option("--sandbox", switched, "Confine")->type_name("on|off|level=N");
  app.add_option("ID", switched, "Which")->required();
  const Command command = describe(app, "bothy put");

  CHECK(command.usage == "[OPTIONS] ID");
  REQUIRE(command.operands.size() == 1);
  CHECK(command.operands[0].name == "ID");
  CHECK(command.operands[0].kind == Kind::kContainer);
  REQUIRE(command.flags.size() == 4);
  CHECK(command.flags[0].names == std::vector<std::string>{"-h", "--help"});
  CHECK(command.flags[0].value.empty());
  CHECK(command.flags[1].names == std::vector<std::string>{"-f", "--format"});
  CHECK(command.flags[1].value == "FORMAT");
  CHECK(command.flags[1].kind == Kind::kWord);
  CHECK(command.flags[1].words == std::vector<std::string>{"text", "json"});
  CHECK(command.flags[1].help == "Form (default text)");
  CHECK_FALSE(command.flags[1].repeatable);
  CHECK(command.flags[2].kind == Kind::kFile);
  CHECK(command.flags[2].repeatable);
  CHECK(command.flags[3].words == std::vector<std::string>{"on", "off"});
}

TEST_CASE("operands of a command that passes words on are those of its usage", "[reference]") {
  CLI::App app("Run", "bothy");
  app.add_flag("--rm", "Remove");
  app.prefix_command();
  set_operands(app, "IMAGE [COMMAND]");
  const Command command = describe(app, "bothy run");
  CHECK(command.passes_rest);
  CHECK(command.usage == "[OPTIONS] IMAGE [COMMAND]");
  REQUIRE(command.operands.size() == 1);
  CHECK(command.operands[0].name == "IMAGE");
  CHECK(command.operands[0].kind == Kind::kImage);
}

TEST_CASE("the program has its commands, those below them, and the OCI verbs", "[reference]") {
  const Command program = describe_program();
  std::vector<std::string> names;
  for (const Command* each : all_commands(program)) {
    names.push_back(each->name);
  }
  CHECK(names.front() == "bothy");
  for (const char* name : {"bothy run", "bothy image import", "bothy bench compare", "bothy oci",
                           "bothy oci create"}) {
    CHECK(std::ranges::count(names, name) == 1);
  }
}

}  // namespace
}  // namespace bothy::reference

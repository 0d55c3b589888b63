#include "cli/boot/machine_file.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

using Arguments = std::vector<std::string>;

}  // namespace

TEST_CASE("A machine file's members are the flags of their names") {
  const auto flags = machine_file_flags(
      R"({"kernel":"a b","cpus":2,"rng":true,"json":false,"cmdline":"","initrd":["x","y"],
          "disk":[{"path":"a,b","ro":true,"iops":100},"c,ro"],"vsock":{"path":"/v"}})");
  CHECK(flags.value() == Arguments{"--kernel=a b", "--cpus=2", "--rng", "--initrd=x", "--initrd=y",
                                   "--disk=path=a,,b,ro=on,iops=100", "--disk=c,ro",
                                   "--vsock=path=/v"});
}

TEST_CASE("What is no machine file is refused with the member's name") {
  for (const auto& [text, words] :
       std::vector<std::pair<const char*, const char*>>{{"", "no JSON"},
                                                        {"{", "no JSON"},
                                                        {"[]", "object"},
                                                        {"{\"cpus\":1.5}", "'cpus'"},
                                                        {"{\"cpus\":null}", "'cpus'"},
                                                        {"{\"disk\":[[]]}", "'disk'"},
                                                        {"{\"disk\":[true]}", "'disk'"},
                                                        {"{\"disk\":{\"path\":[]}}", "'disk.path'"},
                                                        {"{\"config\":\"x\"}", "'config'"},
                                                        {"{\"a=b\":\"x\"}", "'a=b'"},
                                                        {"{\"\":\"x\"}", "''"}}) {
    INFO(text);
    const auto flags = machine_file_flags(text);
    REQUIRE(flags.has_error());
    CHECK(flags.error().code == ErrorCode::kInvalid);
    CHECK(flags.error().context.find(words) != std::string::npos);
  }
}

TEST_CASE("A machine file's flags come before the command line's own") {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("machine.json", R"({"cpus":2,"initrd":["x"]})");
  const Arguments expected{"boot", "--cpus=2", "--initrd=x", "--cpus", "4"};
  CHECK(expand_machine_files({"boot", "--cpus", "4", "--config", file}).value() == expected);
  CHECK(expand_machine_files({"boot", "--config=" + file, "--cpus", "4"}).value() == expected);
}

TEST_CASE("A machine file that can't be read is an error that names it") {
  CHECK(expand_machine_files({"boot", "--config"}).has_error());
  const auto missing = expand_machine_files({"boot", "--config=/nothere"});
  REQUIRE(missing.has_error());
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().context.find("/nothere") != std::string::npos);
  CHECK(expand_machine_files({"boot", "--config=/dev/zero"}).error().context.find("larger") !=
        std::string::npos);
}

}  // namespace bothy

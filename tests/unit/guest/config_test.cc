#include "guest/init/config.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "guest/embed/config_writer.h"
#include "tests/support/catch.h"

using namespace bothy;
using guest::ConfigWriter;
using init::Text;

namespace {

Text text_of(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

ConfigWriter process() {
  ConfigWriter writer;
  writer.add(agent::kArgument, "sh").add(agent::kArgument, "-c").add(agent::kArgument, "");
  return writer;
}

bool parses(std::string_view bytes) {
  // Exactly as much memory as there are bytes: reading past them shows under ASan.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  init::ProcessSpec spec;
  return spec.parse({copy.data(), copy.size()});
}

}  // namespace

TEST_CASE("a process is read as it was written") {
  ConfigWriter writer = process();
  writer.add(agent::kEnvironment, "PATHS=/no").add(agent::kEnvironment, "PATH=/bin:/sbin");
  writer.add(agent::kDirectory, "/srv").add(agent::kUser, "www:web").add(agent::kGroup, "log");
  writer.add(agent::kInput).add(agent::kReap).add_terminal(120, 40);
  writer.add(agent::kRlimit, agent::RlimitValue{RLIMIT_NOFILE, 0, 64, 128});
  init::ProcessSpec spec;
  REQUIRE(spec.parse(text_of(writer.bytes())));
  CHECK(std::string_view(spec.arguments[0]) == "sh");
  CHECK(std::string_view(spec.arguments[2]).empty());
  CHECK(spec.arguments[3] == nullptr);
  CHECK(std::string_view(spec.variable("PATH")) == "/bin:/sbin");
  CHECK(spec.variable("HOME") == nullptr);
  CHECK(spec.environment[2] == nullptr);
  CHECK(std::string_view(spec.directory) == "/srv");
  CHECK(std::string_view(spec.user) == "www:web");
  REQUIRE(spec.group_count == 1);
  CHECK(std::string_view(spec.groups[0]) == "log");
  CHECK(spec.input);
  CHECK(spec.terminal);
  CHECK(spec.columns == 120);
  CHECK(spec.rows == 40);
  REQUIRE(spec.limit_count == 1);
  CHECK(spec.limits[0].resource == RLIMIT_NOFILE);
  CHECK(spec.limits[0].value.rlim_cur == 64);
  CHECK(spec.limits[0].value.rlim_max == 128);
}

TEST_CASE("a process is refused when its records are cut, wrong or without a command") {
  ConfigWriter good = process();
  good.add_terminal(1, 2);
  REQUIRE(parses(good.bytes()));
  for (std::size_t size = 0; size < good.bytes().size(); ++size) {
    CAPTURE(size);
    const bool whole_records = size == process().bytes().size() || size == 10 || size == 20;
    CHECK(parses(good.bytes().substr(0, size)) == whole_records);
  }
  CHECK_FALSE(parses(ConfigWriter().add(agent::kInput).bytes()));
  CHECK_FALSE(parses(process().add(agent::kTerminal, "12345").bytes()));
  CHECK_FALSE(parses(process().add(agent::kRlimit, "short").bytes()));
  CHECK_FALSE(parses(process().add(agent::kHostname, "not a process's").bytes()));
  CHECK_FALSE(parses(process().add_strings(agent::kUser, {"root", "more"}).bytes()));
  CHECK_FALSE(parses(process().add(static_cast<agent::Key>(99), "").bytes()));
}

TEST_CASE("a configuration is read as it was written") {
  ConfigWriter writer = ConfigWriter::configuration();
  writer.add(agent::kModule, "overlay.ko").add(agent::kRootDevice, "/dev/vda");
  writer.add(agent::kModule, "erofs.ko").add(agent::kScratchSize, std::uint64_t{1} << 30U);
  writer.add_strings(agent::kFile, {"/etc/hosts", "127.0.0.1 localhost\n"}).add(agent::kReadOnly);
  writer.add(agent::kHostname, "guest").add(agent::kShutdownGrace, std::uint32_t{250});
  writer.add_process(process());
  init::Config config;
  REQUIRE(config.parse(text_of(writer.bytes())));
  CHECK(config.root_device == "/dev/vda");
  CHECK(config.hostname == "guest");
  CHECK(config.scratch_size == 1U << 30U);
  CHECK(config.shutdown_grace_ms == 250);
  CHECK(config.read_only);
  CHECK(config.process == text_of(process().bytes()));
  std::string modules;
  config.for_each(agent::kModule, [&](Text name) { modules.append(name.data, name.size) += ' '; });
  CHECK(modules == "overlay.ko erofs.ko ");
  config.for_each(agent::kFile, [](Text value) {
    CHECK(value.cut('\0') == "/etc/hosts");
    CHECK(value == "127.0.0.1 localhost\n");
  });
}

TEST_CASE("a configuration of another version, cut or with unknown keys is refused") {
  init::Config config;
  const auto refused = [&](const ConfigWriter& writer) {
    return !config.parse(text_of(writer.bytes()));
  };
  CHECK(refused(ConfigWriter()));
  CHECK(refused(ConfigWriter().add(agent::kHostname, "guest")));
  CHECK(refused(ConfigWriter().add(agent::kVersionKey, agent::kVersion + 1)));
  CHECK(refused(ConfigWriter::configuration().add(static_cast<agent::Key>(99))));
  CHECK(refused(ConfigWriter::configuration().add(agent::kScratchSize, "4")));
  const ConfigWriter good = ConfigWriter::configuration();
  std::string cut(good.bytes());
  cut.push_back('x');
  CHECK_FALSE(config.parse(text_of(cut)));
}

TEST_CASE("a file is read whole, or not at all") {
  const Text status = init::read_file("/proc/self/status", 1U << 20U);
  REQUIRE(status.data != nullptr);
  CHECK(status.starts_with("Name:"));
  std::free(const_cast<char*>(status.data));
  CHECK(init::read_file("/dev/zero", 100000).data == nullptr);
  CHECK(errno == EFBIG);
  CHECK(init::read_file("/nonexistent", 100).data == nullptr);
  CHECK(errno == ENOENT);
}

#include "run/instances.h"

#include <sys/stat.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

Settings named(const std::string& name) {
  Settings settings;
  settings.name = name;
  settings.isolation = "vm";
  settings.command = {"sh", "-c", "echo \"hi\"\n"};
  settings.labels = {{"a", "b"}};
  settings.stop_signal = "SIGTERM";
  return settings;
}

}  // namespace

TEST_CASE("An instance is found by its name and by the start of its id") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  CHECK(instances.list().empty());
  Settings settings = named("web");
  const auto created = instances.create(settings);
  REQUIRE(created);
  CHECK(settings.id.size() == 12);
  for (const std::string& text : {std::string("web"), settings.id, settings.id.substr(0, 4)}) {
    INFO(text);
    REQUIRE(instances.find(text));
    CHECK(instances.find(text).value().directory() == created.value().instance.directory());
  }
  for (const char* text : {"", "we", "nothere", "../names/web", "/"}) {
    INFO(text);
    CHECK(instances.find(text).error().code == ErrorCode::kNotFound);
  }
  const auto read = created.value().instance.settings();
  REQUIRE(read);
  CHECK(read.value().json() == settings.json());
  CHECK(instances.list().size() == 1);
}

TEST_CASE("A name is in use until its instance is removed") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  Settings first = named("web");
  const auto created = instances.create(first);
  REQUIRE(created);
  Settings second = named("web");
  CHECK(instances.create(second).error().code == ErrorCode::kBusy);
  CHECK(test::files_in(directory / "run/instances") == 1);
  REQUIRE(instances.remove(created.value().instance));
  CHECK(instances.create(second).has_value());
}

TEST_CASE("A name that a killed process left behind can be used") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  Settings first = named("web");
  REQUIRE(instances.create(first));
  std::filesystem::remove_all(directory / ("run/instances/" + first.id));
  Settings second = named("web");
  CHECK(instances.create(second).has_value());
}

TEST_CASE("An invalid name is refused") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  for (const char* name : {"../x", "a/b", "-x", ".x", "a b", "\n"}) {
    INFO(name);
    Settings settings = named(name);
    CHECK(instances.create(settings).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("A directory that others can write to is refused") {
  const test::TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "run");
  REQUIRE(::chmod((directory / "run").c_str(), 0777) == 0);
  Settings settings = named("web");
  CHECK(Instances(directory / "run").create(settings).error().code == ErrorCode::kPermission);
  ::setenv("BOTHY_RUN", (directory / "run").c_str(), 1);
  CHECK(Instances::locate().error().code == ErrorCode::kPermission);
  std::filesystem::permissions(directory / "run", std::filesystem::perms::owner_all);
  CHECK(Instances::locate().has_value());
  ::unsetenv("BOTHY_RUN");
}

TEST_CASE("Arguments and labels may hold any bytes") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  Settings settings = named("web");
  settings.command = {"\xff\xfe", "\x01"};
  settings.labels = {{"\x80", std::string(5U << 20U, 'x')}};
  const auto created = instances.create(settings);
  REQUIRE(created);
  const auto read = created.value().instance.settings();
  REQUIRE(read);
  CHECK(read.value().command == settings.command);
  CHECK(read.value().labels == settings.labels);
}

TEST_CASE("An unfinished or damaged instance can be found and removed, with its name") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  Settings settings = named("web");
  REQUIRE(instances.create(settings));
  std::filesystem::remove(directory / ("run/instances/" + settings.id + "/settings"));
  CHECK(instances.list().empty());
  for (const std::string& text : {std::string("web"), settings.id.substr(0, 6)}) {
    INFO(text);
    REQUIRE(instances.find(text));
  }
  REQUIRE(instances.remove(instances.find("web").value()));
  CHECK(test::files_in(directory / "run/instances") == 0);
  CHECK(test::files_in(directory / "run/names") == 0);
}

TEST_CASE("The data directory is removed with its instance, even after a restart") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run", directory / "disk");
  Settings settings = named("web");
  auto created = instances.create(settings);
  REQUIRE(created);
  const Instance instance = created.value().instance;
  CHECK(instance.log_path() == directory / ("disk/instances/" + settings.id + "/log"));
  CHECK(instances.find("web").value().log_path() == instance.log_path());
  CHECK(instances.list().front().log_path() == instance.log_path());
  Settings second = named("second");
  REQUIRE(instances.create(second));
  CHECK(test::files_in(directory / "disk/instances") == 2);
  REQUIRE(instances.remove(instances.find("second").value()));
  CHECK(test::files_in(directory / "disk/instances") == 1);
  std::filesystem::remove_all(directory / "run");
  Settings third = named("third");
  REQUIRE(instances.create(third));
  CHECK(test::files_in(directory / "disk/instances") == 2);  // the first has an owner still
  created.value().claim = {};
  Settings fourth = named("fourth");
  REQUIRE(instances.create(fourth));
  CHECK(test::files_in(directory / "disk/instances") == 2);
  CHECK_FALSE(std::filesystem::exists(instance.data_directory()));
}

TEST_CASE("An instance whose owner died is lost") {
  const test::TemporaryDirectory directory;
  const Instances instances(directory / "run");
  Settings settings = named("web");
  auto created = instances.create(settings);
  REQUIRE(created);
  const Instance instance = created.value().instance;
  State state;
  state.status = Status::kRunning;
  state.exit_code = 7;
  REQUIRE(instance.write_state(state));
  CHECK(instance.has_owner());
  CHECK(instance.state().value().status == Status::kRunning);
  CHECK(instance.claim().error().code == ErrorCode::kBusy);
  created.value().claim = {};
  CHECK(instance.state().value().status == Status::kLost);
  state.status = Status::kExited;
  REQUIRE(instance.write_state(state));
  CHECK(instance.state().value().status == Status::kExited);
  CHECK(instance.state().value().exit_code == 7);
}

}  // namespace bothy::run

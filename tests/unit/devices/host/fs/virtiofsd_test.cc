#include "devices/host/fs/virtiofsd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "devices/host/fs/share_sandbox.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

using test::TemporaryDirectory;

// The output of a shell's commands in the sandbox, or why the sandbox couldn't be entered; nothing
// where this host, which may be a container, allows no namespaces.
std::optional<std::string> run_in(const std::string& directory, bool read_only,
                                  const std::string& commands, const char* file = nullptr) {
  const UniqueFd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ShareSandbox sandbox;
  sandbox.directory = root.get();
  sandbox.read_only = read_only;
  if (file != nullptr) {
    sandbox.file = file;
    struct stat status {};
    REQUIRE(::lstat((directory + "/" + file).c_str(), &status) == 0);
    sandbox.file_device = status.st_dev;
    sandbox.file_inode = status.st_ino;
  }
  sandbox.listener = nothing.get();
  auto shell = start_in_sandbox(sandbox, {"/bin/sh", "-c", "exec 1>&2; " + commands});
  if (!shell && shell.error().context.starts_with("can't ")) {
    WARN("not tried: " << shell.error().context);
    return std::nullopt;
  }
  if (!shell) {
    return shell.error().context;
  }
  shell.value().read_output({});
  shell.value().wait();
  return shell.value().output();
}

}  // namespace

TEST_CASE("A sandbox has the directory, writable or read-only") {
  const TemporaryDirectory directory;
  static_cast<void>(directory.write("below/file", "content"));
  const auto said = run_in(directory.path(), false, "cat /mnt/below/file; echo new >/mnt/new");
  if (said) {
    CHECK(*said == "content");
    CHECK(test::content_of(directory / "new") == "new\n");
    const auto refused =
        run_in(directory.path(), true, "echo 2>/dev/null x >/mnt/x || echo refused");
    CHECK(refused == "refused\n");
    CHECK(!std::filesystem::exists(directory / "x"));
  }
}

TEST_CASE("A sandbox of one file has nothing else, and nothing can be created in it") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a file", "content\n");
  static_cast<void>(directory.write("beside", "secret"));
  const std::string commands =
      "cd /mnt; cat *; echo new >>'a file'; for f in new 'a file'; do rm -f \"$f\"; true >\"$f\" "
      "|| "
      "echo refused; done 2>/dev/null; ls; ls ..|grep -c mnt";
  const auto said = run_in(directory.path(), false, commands, "a file");
  if (said) {
    CHECK(*said == "content\nrefused\na file\n1\n");
    CHECK(test::content_of(file).empty());  // by the last redirection
    const auto refused = run_in(directory.path(), true,
                                "echo 2>/dev/null x >'/mnt/a file' || echo refused", "a file");
    CHECK(refused == "refused\n");
    CHECK(test::files_in(directory.path()) == 2);
  }
}

TEST_CASE("A file that was replaced since it was checked is not shared") {
  const TemporaryDirectory directory;
  const TemporaryDirectory elsewhere;
  const std::string secret = elsewhere.write("secret", "secret\n");
  std::filesystem::create_symlink(secret, directory / "file");
  const auto said = run_in(directory.path(), false, "cat /mnt/file", "file");
  if (said) {
    CHECK(said->starts_with("the shared file was replaced meanwhile"));
    CHECK(said->find("secret\n") == std::string::npos);
  }
}

TEST_CASE("A program in the sandbox is root and has only its own descriptors") {
  const TemporaryDirectory directory;
  const UniqueFd inherited(::open("/dev/null", O_RDONLY));  // as one that our parent left
  const auto said = run_in(directory.path(), false, "id -u; cd /proc/self/fd && echo *");
  if (said) {
    // The shell has one on the directory while it looks.
    CHECK(said->starts_with("0\n0 1 2 3"));
    CHECK(said->size() <= std::string_view("0\n0 1 2 3 4\n").size());
  }
}

TEST_CASE("A share that can't be started is an error that names its flag") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("file", "");
  for (const std::string& path : {file, directory / "nothere", std::string()}) {
    const auto server = Virtiofsd::start("--fs a", {path});
    REQUIRE(!server);
    CHECK(server.error().code == ErrorCode::kInvalid);
    CHECK(server.error().context.starts_with("--fs a: "));
  }
  for (const char* const name : {"nothere", "..", "/etc/passwd"}) {
    const auto server = Virtiofsd::start("--fs a", {directory.path(), false, name});
    REQUIRE(!server);
    CHECK(server.error().code == ErrorCode::kInvalid);
  }
  ::setenv("BOTHY_VIRTIOFSD", file.c_str(), 1);
  const auto server = Virtiofsd::start("--fs a", {directory.path()});
  ::unsetenv("BOTHY_VIRTIOFSD");
  REQUIRE(!server);
  CHECK(server.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("virtiofsd is started without the capability to create device nodes") {
  const auto command = virtiofsd_command("/path/virtiofsd");
  CHECK(command.front() == "/path/virtiofsd");
  CHECK(std::ranges::count(command, "modcaps=-mknod") == 1);
}

TEST_CASE("The last message of a virtiofsd that exits at once is kept") {
  const TemporaryDirectory directory;
  ::setenv("BOTHY_VIRTIOFSD", "/bin/ls", 1);
  const auto server = Virtiofsd::start("--fs a", {directory.path()}).value();
  ::unsetenv("BOTHY_VIRTIOFSD");
  // `ls -f --fd=3 ...` is refused by ls.
  CHECK(!server->kill().empty());
}

}  // namespace bothy

// A process that stays outside of the root that it assembles.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/files.h"
#include "base/socket_pair.h"
#include "container/launcher.h"
#include "tests/mounts/mounts_fixture.h"

namespace bothy::test {
namespace {

namespace ct = bothy::container;

ct::OciSpec spec_for(const TemporaryDirectory& directory, const std::string& command) {
  ct::OciSpec spec;
  spec.root.path = directory / "root";
  spec.root.read_only = true;
  spec.process.emplace();
  spec.process->arguments = {"/bin/sh", "-c", command};
  spec.process->environment = {"PATH=/usr/bin:/bin", "ROOT=" + spec.root.path};
  const ct::Capabilities all = ct::own_capabilities();
  spec.process->capabilities = ct::CapabilitySets{all, all, 0, all, 0};
  ct::leave_out_missing(*spec.process->capabilities);
  spec.namespaces = {{ct::NamespaceKind::kMount, {}}};
  ct::Mount volume;
  volume.type = "bind";
  volume.source = directory / "volume";
  volume.destination = "/data";
  volume.options = ct::parse_mount_options({"rbind"}).value();
  spec.mounts = {volume};
  return spec;
}

}  // namespace

TEST_CASE("a process outside has the host's paths, and the root with its mounts at its place") {
  const TemporaryDirectory directory;
  directory.write("root/inside", "");
  directory.write("volume/given", "");
  CHECK(status_of_child(start_child([&] {
          const ct::OciSpec spec =
              spec_for(directory,
                       "test -e /etc/passwd && test -e $ROOT/inside && test -e $ROOT/data/given && "
                       "test -d $ROOT/proc/made && ! touch $ROOT/new && touch $ROOT/data/new && "
                       "test ! -e $ROOT/dev && exit 7");
          ct::LaunchOptions options;
          options.stays_outside = true;
          options.mount_points = {"/proc/made"};
          auto launching = ct::launch(spec, options);
          if (!launching || launching.value().wait().status != ct::LaunchStatus::kRunning) {
            return 1;
          }
          return status_of_child(launching.value().pid()) == 7 ? 0 : 2;
        })) == 0);
  // Its mounts are in its own namespace alone.
  CHECK_FALSE(exists(directory / "root/data/given"));
  CHECK(exists(directory / "volume/new"));
}

TEST_CASE("what comes of a command that keeps the socket of reports is what it says") {
  const TemporaryDirectory directory;
  directory.write("root/inside", "");
  directory.write("volume/given", "");
  // A Report of kFailed without an errno value, and its text.
  CHECK(status_of_child(start_child([&] {
          const ct::OciSpec spec = spec_for(
              directory, R"(printf '\1\0\0\0\0\0\0\0\0\0\0\0the reason' >&3; exec sleep 10)");
          ct::LaunchOptions options;
          options.stays_outside = true;
          options.keeps_report = true;
          auto launching = ct::launch(spec, options);
          if (!launching) {
            return 1;
          }
          const ct::LaunchReport report = launching.value().wait();
          ::kill(launching.value().pid(), SIGKILL);
          static_cast<void>(status_of_child(launching.value().pid()));
          return report.status == ct::LaunchStatus::kFailed && report.message == "the reason" ? 0
                                                                                              : 2;
        })) == 0);
}

}  // namespace bothy::test

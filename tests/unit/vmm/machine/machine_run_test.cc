#include "vmm/machine/machine_run.h"

#include <memory>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

namespace bothy {
namespace {

// A run without a machine: the test reports what a machine would.
class Rig {
 public:
  Rig() {
    MachineRun::Hooks hooks;
    hooks.ended = [this](const MachineEnd& end) {
      ends.push_back(end.reason);
      if (stop_when_ended) {
        run->stop();
      }
    };
    hooks.boot_marker = [this] { ++markers; };
    hooks.release_writers = [this] { ++releases; };
    run = std::make_unique<MachineRun>(control, std::move(hooks), clock);
  }

  void report_end(MachineEndReason reason) { run->listener().on_machine_end({reason, 0, {}}); }

  test::ManualClock clock;
  boost::asio::io_context control{1};
  std::vector<MachineEndReason> ends;
  int markers = 0;
  int releases = 0;
  bool stop_when_ended = false;
  std::unique_ptr<MachineRun> run;
};

}  // namespace

TEST_CASE("A machine's end is handed to the control executor, once") {
  Rig rig;
  rig.report_end(MachineEndReason::kPowerOff);
  CHECK(rig.ends.empty());
  rig.report_end(MachineEndReason::kReset);
  rig.control.run();
  CHECK(rig.ends == std::vector{MachineEndReason::kPowerOff});
}

TEST_CASE("A reset within the grace period after a panic ends the run, once") {
  Rig rig;
  rig.run->listener().on_panic();
  rig.control.run();
  rig.clock.advance(MachineRun::kPanicGrace - std::chrono::milliseconds(1));
  rig.report_end(MachineEndReason::kPanicked);
  rig.control.restart();
  rig.control.run();
  rig.clock.advance(MachineRun::kPanicGrace);
  rig.control.restart();
  rig.control.run();
  CHECK(rig.ends == std::vector{MachineEndReason::kPanicked});
}

TEST_CASE("A guest that hangs after a panic is ended as panicked after the grace period") {
  Rig rig;
  rig.run->listener().on_panic();
  rig.control.run();
  CHECK(rig.ends.empty());
  rig.clock.advance(MachineRun::kPanicGrace);
  rig.control.restart();
  rig.control.run();
  CHECK(rig.ends == std::vector{MachineEndReason::kPanicked});
}

TEST_CASE("The boot marker is announced on the control executor and its time is kept") {
  Rig rig;
  rig.clock.advance(std::chrono::seconds(5));
  CHECK_FALSE(rig.run->boot_marker_time());
  rig.run->listener().on_boot_marker();
  CHECK(rig.run->boot_marker_time() == rig.clock.now());
  CHECK(rig.markers == 0);
  rig.control.run();
  CHECK(rig.markers == 1);
}

TEST_CASE("Stopping a run releases the consoles' writers, and no hook follows") {
  Rig rig;
  rig.run->listener().on_panic();
  rig.control.run();
  rig.run->listener().on_boot_marker();
  rig.report_end(MachineEndReason::kReset);
  rig.run->stop();
  CHECK(rig.releases == 1);
  rig.clock.advance(MachineRun::kPanicGrace);
  rig.control.restart();
  rig.control.run();
  CHECK(rig.markers == 0);
  CHECK(rig.ends.empty());
}

TEST_CASE("A run may be stopped by its own hook, and destroyed with reports still queued") {
  Rig rig;
  rig.stop_when_ended = true;
  rig.report_end(MachineEndReason::kTripleFault);
  rig.report_end(MachineEndReason::kPowerOff);
  rig.control.run_one();
  rig.run->listener().on_boot_marker();
  rig.run.reset();
  rig.control.run();
  CHECK(rig.ends == std::vector{MachineEndReason::kTripleFault});
  CHECK(rig.markers == 0);
}

}  // namespace bothy

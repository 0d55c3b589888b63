// Processes are started and reaped for real, without root.
#include <unistd.h>

#include "bench/areas/inside.h"
#include "bench/areas/neighbours.h"
#include "bench/areas/phases.h"
#include "bench/areas/portability.h"
#include "bench/areas/storage.h"
#include "bench/host/host.h"
#include "bench/measure/child.h"
#include "bench/measure/host_state.h"
#include "bench/measure/memory.h"
#include "bench/measure/starts.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::bench {
namespace {

struct Fixture {
  Reaper reaper = Reaper::begin().value();
  Interrupt interrupt = Interrupt::install().value();
  Bench bench{reaper, interrupt};
};

Invocation shell(const std::string& script) {
  return {{"/bin/sh", "-c", script}};
}

}  // namespace

TEST_CASE("A start is read by its output and its end") {
  Fixture place;
  const Batch batch =
      run_starts(place.bench, {shell("echo begun; echo status 0")}, {"begun", "status 0"});
  REQUIRE(batch.starts.size() == 1);
  const Start& start = batch.starts[0];
  CHECK(start.failure.empty());
  CHECK(start.awaited_ns > 0);
  CHECK(start.end_ns >= start.awaited_ns);
  CHECK(batch.usage.faults > 0);
  CHECK(!batch.interrupted);
}

TEST_CASE("A start that fails is a failure, with its reason") {
  Fixture place;
  const Batch batch = run_starts(place.bench,
                                 {shell("echo begun; echo why >&2; exit 3"),
                                  shell("true"),
                                  shell("echo begun"),
                                  shell("echo begun; echo status 0"),
                                  {{"/nothere"}}},
                                 {"begun", "status 0"});
  CHECK(batch.starts[0].failure == "exit status 3; why");
  CHECK(batch.starts[1].failure.find("no output") != std::string::npos);
  CHECK(batch.starts[2].failure.find("the workload failed") != std::string::npos);
  CHECK(batch.starts[3].failure.empty());
  CHECK(batch.starts[4].failure.find("/nothere") != std::string::npos);
}

TEST_CASE("What a start leaves behind is waited for, and counted") {
  Fixture place;
  // The helper outlives the command by 100 ms and takes a new session, as an owner does.
  const Batch batch =
      run_starts(place.bench, {shell("echo begun; setsid sleep 0.1 >/dev/null 2>&1 &")}, {"begun"});
  CHECK(batch.starts[0].failure.empty());
  CHECK(Reaper::children().empty());
}

TEST_CASE("Processes that stay are told apart") {
  Fixture place;
  const Child other = start_child(shell("exec sleep 1000")).value();
  const auto staying = Reaper::children();
  CHECK(staying.contains(other.pid));
  const Batch batch = run_starts(place.bench, {shell("echo begun")}, {"begun"}, staying);
  CHECK(batch.starts[0].failure.empty());
  CHECK(Reaper::children() == staying);
  place.reaper.kill_all_but({});
  CHECK(Reaper::children().empty());
}

TEST_CASE("A start that hangs is ended, descendants included") {
  Fixture place;
  Expected expected{"begun"};
  expected.limit = std::chrono::milliseconds(200);
  const Batch batch =
      run_starts(place.bench, {shell("echo begun; setsid sleep 1000 & sleep 1000")}, expected);
  CHECK(batch.starts[0].failure == "it took too long");
  CHECK(Reaper::children().empty());
}

TEST_CASE("A command's output is returned, or what it said last") {
  Fixture place;
  CHECK(run_command(place.bench, shell("echo it")).value() == "it\n");
  const auto failed = run_command(place.bench, shell("echo the reason >&2; exit 1"));
  REQUIRE(failed.has_error());
  CHECK(failed.error().context.find("the reason") != std::string::npos);
  CHECK(run_command(place.bench, shell("true")).value().empty());
}

TEST_CASE("An invocation is shown as a user types it") {
  const Invocation invocation{{"a", "b c", "d'e", ""}, {"NAME=x y"}, "/tmp"};
  CHECK(invocation.text() == "cd /tmp && NAME='x y' a 'b c' 'd'\\''e' ''");
}

TEST_CASE("The environment is added to, and replaced by name") {
  Fixture place;
  ::setenv("BOTHY_BENCH_TEST", "old", 1);
  const Invocation invocation{{"/bin/sh", "-c", "echo $BOTHY_BENCH_TEST"},
                              {"BOTHY_BENCH_TEST=new"}};
  CHECK(run_command(place.bench, invocation).value() == "new\n");
}

TEST_CASE("The table of --trace-timing is read by its steps") {
  const auto steps = parse_timing(
      "bothy: timing\n        ms since last  what\n     1.498      1.498  flags read\n"
      "     1.911      0.413  image and its files found\nbothy: something else\n");
  REQUIRE(steps.size() == 2);
  CHECK(steps[0] == std::pair<std::string, double>("flags read", 1.498e6));
  CHECK(steps[1].first == "image and its files found");
  CHECK(parse_timing("").empty());
}

TEST_CASE("What the probe measured inside is read by name, and a console's lines are skipped") {
  const InsideOutput output = parse_inside(
      "[    0.1] a kernel's line\nsyscall 1000 2000\r\nsyscall 1000 4000\nfile-fsync failed: No "
      "space\npipe 65536 0\npipe x 1\nend\n");
  REQUIRE(output.repetitions.at("syscall").size() == 2);
  CHECK(output.repetitions.at("syscall")[1].nanoseconds == 4000);
  CHECK(!output.repetitions.contains("pipe"));
  CHECK(output.failures.at("file-fsync") == "No space");
}

TEST_CASE("Guest memory is the large mapping of a monitor, with what else is of its file") {
  constexpr std::string_view kSmaps =
      "55e000000000-55e000100000 r-xp 00000000 08:01 12 /usr/bin/monitor\nPss: 500 kB\n"
      "7f0000000000-7f0007f00000 rw-s 00100000 00:01 7 /memfd:guest (deleted)\nRss: 9 kB\nPss: "
      "4000 kB\n"
      "7f0008000000-7f00080a0000 rw-s 00000000 00:01 7 /memfd:guest (deleted)\nPss: 30 kB\n"
      "7f0010000000-7f0010100000 rw-p 00000000 00:00 0 \nPss: 70 kB\n";
  CHECK(guest_pss_in(kSmaps, 128U << 20U) == (4030U << 10U));
  CHECK(guest_pss_in("", 128U << 20U) == 0);
  constexpr std::string_view kAnonymous =
      "7f0000000000-7f0008000000 rw-p 00000000 00:00 0 \nPss: 4000 kB\n"
      "7f0010000000-7f0010100000 rw-p 00000000 00:00 0 \nPss: 70 kB\n";
  CHECK(guest_pss_in(kAnonymous, 128U << 20U) == (4000U << 10U));
}

TEST_CASE("The memory of processes is that of the living") {
  const std::uint64_t own = pss_of({::getpid()});
  CHECK(own > 100'000);
  CHECK(pss_of({::getpid(), 0x3fffffff}) >= own / 2);
  CHECK(guest_pss_of({::getpid()}, 1) == 0);  // it has no machine
}

TEST_CASE("What is new on a host is told by kind") {
  const test::TemporaryDirectory directory;
  const HostState before = host_state(directory.path());
  const std::string file = directory.write("left/file", "x");
  const HostState found = added(before, host_state(directory.path()));
  REQUIRE(found.contains("files"));
  CHECK(found.at("files").contains(file));
  CHECK(added(before, before).empty());
}

TEST_CASE("Fields of the kernel's files are found by their whole name") {
  constexpr std::string_view kText = "SwapPss: 9 kB\nPss:    12 kB\nPss_Dirty: 3 kB\n";
  CHECK(kibibytes_field(kText, "Pss") == (12U << 10U));
  CHECK(kibibytes_field(kText, "Nothing") == 0);
  CHECK(total_memory() > available_memory());
}

TEST_CASE("What a victim says of its requests is read, and a console's lines are not") {
  CHECK(parse_requests(
            "booting\r\nrequest 1500\r\nrequest 2500\nrequest x\nrequest -1\nrequest \nend\n") ==
        std::vector<double>{1500, 2500});
  CHECK(parse_requests("").empty());
}

TEST_CASE("Images have the shortest names that tell them apart") {
  using Names = std::vector<std::string>;
  CHECK(image_names({"/images/alpine", "/images/debian/"}) == Names{"alpine", "debian"});
  CHECK(image_names({"/images/a/root", "/images/b/root/", "/c"}) == Names{"a/root", "b/root", "c"});
  CHECK(image_names({"/root", "/b/root"}) == Names{"/root", "b/root"});
  CHECK(image_names({"/a/root", "/a/root/"}) == Names{"/a/root", "/a/root"});
  CHECK(image_names({"/", "/a"}) == Names{"/", "a"});
}

TEST_CASE("The file system that was written on is the probe's, whatever a console says") {
  CHECK(parse_file_system("[    0.1] Linux\r\nfile-system ext4\r\nwrite 4096 100\n") == "ext4");
  CHECK(parse_file_system("no file-system overlay\nend\n").empty());
  CHECK(parse_file_system("").empty());
}

}  // namespace bothy::bench

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>

#include "bench/areas/isolation.h"
#include "bench/isolation/filter.h"
#include "bench/isolation/installed.h"
#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

constexpr sock_filter kLoadNumber = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
constexpr sock_filter kLoadArchitecture =
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
constexpr sock_filter kLoadArgument =
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args));
constexpr sock_filter kAllow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
constexpr sock_filter kRefuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1);

constexpr sock_filter equals(unsigned value, unsigned char yes, unsigned char no) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

Reach of(const Filter& filter, unsigned number, unsigned architecture = AUDIT_ARCH_X86_64) {
  return reach({filter}, architecture, number);
}

}  // namespace

TEST_CASE("A filter by number and architecture is decided by them") {
  const Filter filter{kLoadArchitecture,
                      equals(AUDIT_ARCH_X86_64, 0, 3),
                      kLoadNumber,
                      equals(39, 0, 1),
                      kAllow,
                      kRefuse};
  CHECK(of(filter, 39) == Reach::kAlways);
  CHECK(of(filter, 40) == Reach::kNever);
  CHECK(of(filter, 39, AUDIT_ARCH_I386) == Reach::kNever);
}

TEST_CASE("Where an argument decides, a call passes with some") {
  const Filter filter{kLoadNumber,     equals(1, 0, 3), kLoadArgument,
                      equals(7, 0, 1), kAllow,          kRefuse};
  CHECK(of(filter, 1) == Reach::kSometimes);
  CHECK(of(filter, 2) == Reach::kNever);
}

TEST_CASE("An argument that makes no difference makes none") {
  const Filter filter{kLoadArgument, equals(7, 0, 1), kAllow, kAllow};
  CHECK(of(filter, 1) == Reach::kAlways);
}

TEST_CASE("Arithmetic and memory are computed where all is known") {
  const Filter filter{kLoadNumber,
                      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
                      BPF_STMT(BPF_ST, 3),
                      BPF_STMT(BPF_LDX | BPF_IMM, 5),
                      BPF_STMT(BPF_LD | BPF_MEM, 3),
                      BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
                      equals(15, 0, 1),
                      kAllow,
                      kRefuse};
  CHECK(of(filter, 0x10a) == Reach::kAlways);
  CHECK(of(filter, 0x10b) == Reach::kNever);
}

TEST_CASE("Of several filters the strictest decides; none lets all pass") {
  const Filter allow{kAllow};
  const Filter refuse{kRefuse};
  const Filter some{kLoadArgument, equals(7, 0, 1), kAllow, kRefuse};
  CHECK(reach({}, AUDIT_ARCH_X86_64, 1) == Reach::kAlways);
  CHECK(reach({allow, refuse}, AUDIT_ARCH_X86_64, 1) == Reach::kNever);
  CHECK(reach({allow, some}, AUDIT_ARCH_X86_64, 1) == Reach::kSometimes);
}

TEST_CASE("An invalid filter, or one that asks somebody else, lets nothing be known") {
  CHECK(of({kLoadNumber}, 1) == Reach::kSometimes);
  CHECK(of({equals(1, 200, 200)}, 1) == Reach::kSometimes);
  CHECK(of({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)}, 1) == Reach::kSometimes);
  CHECK(of({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)}, 1) == Reach::kNever);
  CHECK(of({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG)}, 1) == Reach::kAlways);
}

TEST_CASE("Without a filter every known call is reachable, on each architecture") {
  const auto all = reachable({});
  REQUIRE(all.size() == 3);
  for (const Reachable& each : all) {
    CHECK(each.known > 300);
    CHECK(each.always == each.known);
  }
  for (const Reachable& each : reachable({{kRefuse}})) {
    CHECK(each.always + each.sometimes == 0);
  }
}

TEST_CASE("What the probe tried is read by name") {
  const auto all = parse_escape(
      "[  1.0] a kernel's line\nmount refused mount: Operation not permitted\r\n"
      "host-process allowed seen as process 7\nend\n");
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "mount");
  CHECK(!all[0].allowed);
  CHECK(all[0].detail == "mount: Operation not permitted");
  CHECK(all[1].allowed);
}

TEST_CASE("What the probe sees is read by name") {
  const auto facts = parse_facts("kernel=6.1\r\nboot_id=a=b\nA line=no\n=no\nproduct=\n");
  CHECK(facts.size() == 3);
  CHECK(facts.at("boot_id") == "a=b");
  CHECK(facts.at("kernel") == "6.1");
}

}  // namespace bothy::bench

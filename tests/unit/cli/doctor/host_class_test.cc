#include "cli/doctor/host_class.h"

#include "tests/support/catch.h"

namespace bothy::doctor {
namespace {

constexpr std::string_view kHardware = "model name\t: AMD EPYC\nflags\t\t: fpu svm\n";
constexpr std::string_view kVirtual =
    "model name\t: Intel Xeon\nvmx flags\t: hypervisor\nflags\t\t: fpu vmx hypervisor lahf\n";
constexpr std::string_view kEmulated =
    "model name\t: QEMU TCG CPU version 2.5+\nflags\t\t: fpu svm hypervisor\n";

Findings kvm(Status status) {
  return {{"kvm-device", Group::kMicrovms, status, "/dev/kvm", "", ""}};
}

}  // namespace

TEST_CASE("The host's class follows from its processor, where guests run") {
  CHECK(judge_host_class(kvm(Status::kOk), kHardware).found == "bare");
  CHECK(judge_host_class(kvm(Status::kWarn), kVirtual).found == "nested");
  CHECK(judge_host_class(kvm(Status::kOk), kEmulated).found == "emulated");
  CHECK(judge_host_class(kvm(Status::kOk), "").found == "bare");
}

TEST_CASE("Where no guest runs the class is none, with the reason") {
  const Finding finding = judge_host_class(kvm(Status::kFail), kHardware);
  CHECK(finding.found == "none");
  CHECK(finding.meaning.find("/dev/kvm") != std::string::npos);
  CHECK(finding.status == Status::kInfo);
}

TEST_CASE("A flag of another line is none of the processor's") {
  CHECK(judge_host_class(kvm(Status::kOk), "vmx flags\t: hypervisor\nflags\t\t: fpu\n").found ==
        "bare");
}

}  // namespace bothy::doctor

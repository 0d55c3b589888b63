#include <cerrno>

#include "cli/doctor/microvm_probes.h"
#include "tests/support/catch.h"

namespace bothy::doctor {
namespace {

constexpr std::string_view kIntel =
    "processor\t: 0\nflags\t\t: fpu vme vmx sse2\nvmx flags\t: vnmi\n\n"
    "processor\t: 1\nflags\t\t: fpu vme vmx sse2\n";
constexpr std::string_view kHidden = "processor\t: 0\nflags\t\t: fpu vme svmx sse2\n";

bool mentions(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("The virtualization flag is a whole word of the flags") {
  CHECK(virtualization_flag(kIntel) == "vmx");
  CHECK(virtualization_flag("flags : fpu svm\n") == "svm");
  CHECK(virtualization_flag(kHidden).empty());
  CHECK(virtualization_flag("").empty());
}

TEST_CASE("Groups are found by number") {
  constexpr std::string_view kFile = "root:x:0:\nkvm:x:106:me,you\nodd\n:\n";
  CHECK(group_name(kFile, 106) == "kvm");
  CHECK(group_name(kFile, 0) == "root");
  CHECK(group_name(kFile, 10) == "10");
  CHECK(group_name("", 7) == "7");
}

TEST_CASE("/dev/kvm: each problem has its remedy") {
  CHECK(judge_kvm_device({0, "kvm", "vmx"}).status == Status::kOk);
  CHECK(judge_kvm_device({0, "kvm", "vmx"}).remedy.empty());

  const Finding denied = judge_kvm_device({EACCES, "kvm", "vmx"});
  CHECK(denied.status == Status::kFail);
  CHECK(mentions(denied.remedy, "usermod -aG kvm"));
  CHECK(mentions(judge_kvm_device({EACCES, "root", "svm"}).remedy, "setfacl"));

  CHECK(mentions(judge_kvm_device({ENOENT, "", "vmx"}).remedy, "kvm_intel"));
  CHECK(mentions(judge_kvm_device({ENOENT, "", "svm"}).remedy, "kvm_amd"));
  CHECK(mentions(judge_kvm_device({ENOENT, "", ""}).remedy, "firmware"));
  CHECK(judge_kvm_device({ENOENT, "", ""}).status == Status::kFail);
  CHECK(judge_kvm_device({EBUSY, "kvm", "vmx"}).status == Status::kFail);
}

TEST_CASE("KVM's interface must be complete") {
  const Finding good = judge_kvm_interface(KvmInterface{12, {}, 1024});
  CHECK(good.status == Status::kOk);
  CHECK(mentions(good.meaning, "64 vCPUs"));  // bothy's limit, not KVM's
  CHECK(mentions(judge_kvm_interface(KvmInterface{12, {}, 4}).meaning, "4 vCPUs"));

  CHECK(judge_kvm_interface(KvmInterface{11, {}, 8}).status == Status::kFail);
  const Finding incomplete = judge_kvm_interface(KvmInterface{12, {"KVM_CAP_A", "KVM_CAP_B"}, 8});
  CHECK(incomplete.status == Status::kFail);
  CHECK(mentions(incomplete.found, "KVM_CAP_A, KVM_CAP_B"));
  CHECK(judge_kvm_interface(make_error(ErrorCode::kUnsupported, "no")).status == Status::kFail);
}

TEST_CASE("Emulated guests are distinguished from guests on hardware") {
  using Execution = Result<GuestExecution>;
  const Finding emulated = judge_execution(Execution(GuestExecution{1'660'000, false}));
  CHECK(emulated.status == Status::kFail);
  CHECK(mentions(emulated.found, "1.7 million instructions"));
  CHECK(mentions(emulated.meaning, "emulates"));
  // Fast, but a Linux guest would die of its first vector instruction; or complete, but hopeless.
  CHECK(judge_execution(Execution(GuestExecution{900'000'000, false})).status == Status::kFail);
  CHECK(judge_execution(Execution(GuestExecution{2'000'000, true})).status == Status::kFail);

  const Finding good = judge_execution(Execution(GuestExecution{160'400'000, true}));
  CHECK(good.status == Status::kOk);
  CHECK(mentions(good.found, "160 million instructions"));

  CHECK(judge_execution(std::nullopt).status == Status::kFail);
  const Finding failed = judge_execution(Execution(make_error(ErrorCode::kSystem, "no memory")));
  CHECK(failed.status == Status::kFail);
  CHECK(mentions(failed.found, "no memory"));
}

TEST_CASE("A measurement can be passed between processes") {
  for (const bool vectors : {false, true}) {
    const auto there = decode_execution(encode(GuestExecution{1'234'567, vectors}));
    REQUIRE(there.has_value());
    CHECK(there.value().instructions_per_second == 1'234'567);
    CHECK(there.value().vector_instructions == vectors);
  }
  const auto error = decode_execution(encode(make_error(ErrorCode::kSystem, "1 2")));
  REQUIRE(error.has_error());
  CHECK(error.error().context == "1 2");
  CHECK(decode_execution("").has_error());
}

TEST_CASE("Processors, nesting and memory are described") {
  CHECK(judge_processors(kIntel).found == "2 CPUs with vmx");
  CHECK(judge_processors(kIntel).status == Status::kOk);
  CHECK(judge_processors(kHidden).status == Status::kWarn);

  CHECK(mentions(judge_nested("Y").found, "is on"));
  CHECK(mentions(judge_nested("1").found, "is on"));
  CHECK(mentions(judge_nested("N").found, "is off"));
  CHECK(mentions(judge_nested("").found, "no kvm_intel"));

  constexpr std::string_view kRoomy = "MemTotal:       2097152 kB\nMemAvailable:   1048576 kB\n";
  CHECK(judge_memory(kRoomy).found == "2048 MiB, 1024 MiB available");
  CHECK(judge_memory(kRoomy).status == Status::kOk);
  CHECK(judge_memory("MemTotal: 2097152 kB\nMemAvailable: 1000 kB\n").status == Status::kWarn);
}

TEST_CASE("Huge pages: the number reserved, and the mode of transparent huge pages") {
  constexpr std::string_view kMeminfo = "HugePages_Total:      64\nHugePages_Free:       60\n";
  const Finding reserved = judge_huge_pages(kMeminfo, "always [madvise] never");
  CHECK(reserved.status == Status::kOk);
  CHECK(reserved.found == "64 reserved, 60 free; transparent huge pages: madvise");
  const Finding none = judge_huge_pages("HugePages_Total: 0\n", "");
  CHECK(none.status == Status::kInfo);
  CHECK(mentions(none.found, "unknown"));
  CHECK(mentions(judge_huge_pages("", "broken ] [").found, "unknown"));
}

TEST_CASE("userfaultfd works through the call or through its device") {
  CHECK(judge_userfaultfd(0, ENOENT).status == Status::kOk);
  CHECK(judge_userfaultfd(EPERM, 0).status == Status::kOk);
  CHECK(mentions(judge_userfaultfd(EPERM, EACCES).remedy, "unprivileged_userfaultfd"));
  CHECK(mentions(judge_userfaultfd(ENOSYS, ENOENT).remedy, "CONFIG_USERFAULTFD"));
}

TEST_CASE("io_uring: the reason of the failure decides the remedy") {
  CHECK(judge_io_uring(0, "").status == Status::kOk);
  CHECK(mentions(judge_io_uring(EPERM, "2").remedy, "io_uring_disabled=0"));
  CHECK(mentions(judge_io_uring(EPERM, "0").remedy, "seccomp"));
  CHECK(mentions(judge_io_uring(ENOSYS, "").remedy, "CONFIG_IO_URING"));
}

TEST_CASE("A feature's device is usable, not permitted or missing") {
  constexpr FeatureDevice kDevice{"tun", "/dev/net/tun", "tun", "with", "without"};
  CHECK(judge_device(kDevice, 0).status == Status::kOk);
  CHECK(judge_device(kDevice, 0).meaning == "with");
  CHECK(judge_device(kDevice, EACCES).status == Status::kWarn);
  CHECK(judge_device(kDevice, EACCES).meaning == "without");
  CHECK(judge_device(kDevice, ENOENT).status == Status::kInfo);
  CHECK(judge_device(kDevice, ENOENT).remedy == "sudo modprobe tun");
  CHECK(judge_device(kDevice, EBUSY).status == Status::kWarn);
}

}  // namespace bothy::doctor

#include "container/device_filter.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/unique_fd.h"

namespace bothy::container {
namespace {

constexpr unsigned kRead = BPF_DEVCG_ACC_READ;
constexpr unsigned kWrite = BPF_DEVCG_ACC_WRITE;
constexpr unsigned kMake = BPF_DEVCG_ACC_MKNOD;
constexpr unsigned kAllAccess = kRead | kWrite | kMake;
constexpr int kTypeBits = 16;  // of access_type: the type below, the access above (linux/bpf.h)

// Registers of the program; R1 is its argument, a bpf_cgroup_dev_ctx.
constexpr std::uint8_t kResult = BPF_REG_0;
constexpr std::uint8_t kContext = BPF_REG_1;
constexpr std::uint8_t kType = BPF_REG_2;
constexpr std::uint8_t kUndecided = BPF_REG_3;  // kinds of access that no rule has decided on
constexpr std::uint8_t kMajor = BPF_REG_4;
constexpr std::uint8_t kMinor = BPF_REG_5;

bpf_insn instruction(unsigned code, std::uint8_t destination, std::uint8_t source, int offset,
                     std::uint32_t immediate) {
  bpf_insn made{};
  made.code = static_cast<std::uint8_t>(code);
  made.dst_reg = destination & 0xfU;
  made.src_reg = source & 0xfU;
  made.off = static_cast<std::int16_t>(offset);
  made.imm = static_cast<std::int32_t>(immediate);
  return made;
}

unsigned access_of(const DeviceRule& rule) {
  return (rule.read ? kRead : 0) | (rule.write ? kWrite : 0) | (rule.make ? kMake : 0);
}

class ProgramWriter {
 public:
  ProgramWriter() {
    load(kType, offsetof(bpf_cgroup_dev_ctx, access_type));
    copy(kUndecided, kType);
    change(BPF_RSH, kUndecided, kTypeBits);
    change(BPF_AND, kType, (1U << kTypeBits) - 1);
    load(kMajor, offsetof(bpf_cgroup_dev_ctx, major));
    load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor));
    // access(2) with F_OK asks for no kind of access.
    allow_if_decided();
  }

  // False when no later rule can matter, and no code may follow.
  bool add(const DeviceRule& rule) {
    const unsigned access = access_of(rule);
    if (access == 0) {
      return true;
    }
    const std::size_t first_jump = code_.size();
    if (rule.type != 'a') {
      skip_unless_equal(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    }
    if (rule.major) {
      skip_unless_equal(kMajor, *rule.major);
    }
    if (rule.minor) {
      skip_unless_equal(kMinor, *rule.minor);
    }
    const std::size_t decision = code_.size();
    decide(rule.allow, access);
    for (std::size_t at = first_jump; at < decision; ++at) {
      code_[at].off = static_cast<std::int16_t>(code_.size() - at - 1);
    }
    return access != kAllAccess || first_jump != decision;
  }

  void end(bool allow) {
    code_.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, allow ? 1 : 0));
    code_.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  }
  std::vector<bpf_insn> take() { return std::move(code_); }

 private:
  static constexpr int kEndSize = 2;  // instructions of end()

  void load(std::uint8_t destination, std::size_t offset) {
    code_.push_back(
        instruction(BPF_LDX | BPF_MEM | BPF_W, destination, kContext, static_cast<int>(offset), 0));
  }
  void copy(std::uint8_t destination, std::uint8_t source) {
    code_.push_back(instruction(BPF_ALU | BPF_MOV | BPF_X, destination, source, 0, 0));
  }
  void change(unsigned operation, std::uint8_t destination, std::uint32_t operand) {
    code_.push_back(instruction(BPF_ALU | operation | BPF_K, destination, 0, 0, operand));
  }
  void skip_unless_equal(std::uint8_t compared, std::uint32_t value) {
    code_.push_back(instruction(BPF_JMP32 | BPF_JNE | BPF_K, compared, 0, 0, value));
  }
  void allow_if_decided() {
    code_.push_back(instruction(BPF_JMP32 | BPF_JNE | BPF_K, kUndecided, 0, kEndSize, 0));
    end(true);
  }
  void decide(bool allow, unsigned access) {
    if (access == kAllAccess) {
      end(allow);
    } else if (allow) {
      change(BPF_AND, kUndecided, ~access);
      allow_if_decided();
    } else {
      code_.push_back(instruction(BPF_JMP32 | BPF_JSET | BPF_K, kUndecided, 0, 1, access));
      code_.push_back(instruction(BPF_JMP | BPF_JA, 0, 0, kEndSize, 0));
      end(false);
    }
  }

  std::vector<bpf_insn> code_;
};

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

std::uint64_t address_of(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data);
}

Error filter_error(const char* operation) {
  const int error_number = errno;
  Error error = errno_error(fmt::format("can't {} the device filter of the cgroup", operation));
  if (error_number == EPERM) {
    error.context +=
        " (it takes root, and Linux 5.11 or later, which doesn't count it against RLIMIT_MEMLOCK)";
  } else if (error_number == EINVAL || error_number == ENOSYS) {
    error.code = ErrorCode::kUnsupported;
    error.context += " (the kernel needs CONFIG_CGROUP_BPF)";
  }
  return error;
}

Result<UniqueFd> load_program(const std::vector<bpf_insn>& code) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = address_of(code.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
  attributes.license = address_of("Apache-2.0");  // calls no function that wants another one
  constexpr int kAttempts = 5;  // the verifier gives up with EAGAIN when a signal comes
  for (int attempt = 1;; ++attempt) {
    UniqueFd program(bpf(BPF_PROG_LOAD, attributes));
    if (program) {
      return program;
    }
    if (errno != EAGAIN || attempt == kAttempts) {
      return filter_error("load");
    }
  }
}

constexpr std::size_t kMaxAttached = 64;  // BPF_CGROUP_MAX_PROGS

Result<std::vector<std::uint32_t>> attached_programs(int cgroup) {
  std::vector<std::uint32_t> ids(kMaxAttached);
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address_of(ids.data());
  attributes.query.prog_cnt = static_cast<std::uint32_t>(ids.size());
  if (bpf(BPF_PROG_QUERY, attributes) != 0) {
    return filter_error("find");
  }
  ids.resize(std::min<std::size_t>(attributes.query.prog_cnt, ids.size()));
  return ids;
}

Result<void> detach_program(int cgroup, std::uint32_t id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  const UniqueFd program(bpf(BPF_PROG_GET_FD_BY_ID, attributes));
  if (!program) {
    return filter_error("open");
  }
  attributes = {};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  if (bpf(BPF_PROG_DETACH, attributes) != 0) {
    return filter_error("remove");
  }
  return success();
}

}  // namespace

Result<std::vector<bpf_insn>> device_program(const std::vector<DeviceRule>& rules) {
  if (rules.size() > kMaxDeviceRules) {
    return make_error(ErrorCode::kInvalid, "a device filter has at most {} rules, not {}",
                      kMaxDeviceRules, rules.size());
  }
  ProgramWriter program;
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    if (!program.add(*rule)) {
      return program.take();
    }
  }
  program.end(false);
  return program.take();
}

Result<void> attach_device_filter(int cgroup, const std::vector<DeviceRule>& rules) {
  BOTHY_TRY(const std::vector<bpf_insn> code, device_program(rules));
  BOTHY_TRY(const UniqueFd program, load_program(code));
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  // Programs of cgroups above apply as well, and cgroups below may have theirs.
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attributes) != 0) {
    return filter_error("attach");
  }
  return success();
}

Result<void> replace_device_filter(int cgroup, const std::vector<DeviceRule>& rules) {
  BOTHY_TRY(const std::vector<std::uint32_t> earlier, attached_programs(cgroup));
  if (!rules.empty()) {
    BOTHY_TRY(attach_device_filter(cgroup, rules));
  }
  for (const std::uint32_t id : earlier) {
    BOTHY_TRY(detach_program(cgroup, id));
  }
  return success();
}

}  // namespace bothy::container

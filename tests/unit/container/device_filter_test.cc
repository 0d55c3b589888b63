#include "container/device_filter.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

constexpr unsigned kRead = BPF_DEVCG_ACC_READ;
constexpr unsigned kWrite = BPF_DEVCG_ACC_WRITE;
constexpr unsigned kMake = BPF_DEVCG_ACC_MKNOD;

struct Request {
  char type = 'c';
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  unsigned access = 0;  // BPF_DEVCG_ACC_*
};

unsigned access_of(const DeviceRule& rule) {
  return (rule.read ? kRead : 0) | (rule.write ? kWrite : 0) | (rule.make ? kMake : 0);
}

// What the rules mean: for each kind of access the last rule that matches decides.
bool expected(const std::vector<DeviceRule>& rules, const Request& request) {
  for (const unsigned kind : {kRead, kWrite, kMake}) {
    if ((request.access & kind) == 0) {
      continue;
    }
    bool allowed = false;
    for (const DeviceRule& rule : rules) {
      const bool matches = (rule.type == 'a' || rule.type == request.type) &&
                           rule.major.value_or(request.major) == request.major &&
                           rule.minor.value_or(request.minor) == request.minor &&
                           (access_of(rule) & kind) != 0;
      allowed = matches ? rule.allow : allowed;
    }
    if (!allowed) {
      return false;
    }
  }
  return true;
}

// Runs the few instructions that the programs consist of (Documentation/bpf/standardization).
class Interpreter {
 public:
  explicit Interpreter(const Request& request)
      : context_{(request.access << 16U) |
                     static_cast<unsigned>(request.type == 'b' ? BPF_DEVCG_DEV_BLOCK
                                                               : BPF_DEVCG_DEV_CHAR),
                 request.major, request.minor} {}

  std::uint64_t run(const std::vector<bpf_insn>& code) {
    for (std::size_t at = 0;; ++at) {
      if (at >= code.size()) {
        FAIL("the program has no end");
      }
      const bpf_insn& step = code[at];
      if (step.code == (BPF_JMP | BPF_EXIT)) {
        return registers_[BPF_REG_0];
      }
      if (execute(step)) {
        at += static_cast<std::size_t>(step.off);
      }
    }
  }

 private:
  // True for a jump that is taken.
  bool execute(const bpf_insn& step) {
    std::uint64_t& to = registers_.at(step.dst_reg);
    const auto low = static_cast<std::uint32_t>(to);
    const auto immediate = static_cast<std::uint32_t>(step.imm);
    switch (step.code) {
      case BPF_LDX | BPF_MEM | BPF_W: {
        if (step.src_reg != BPF_REG_1 || step.off < 0 || step.off > 8) {
          FAIL("a load from outside the context");
        }
        std::uint32_t value = 0;
        std::memcpy(&value, reinterpret_cast<const char*>(&context_) + step.off, sizeof value);
        to = value;
        return false;
      }
      case BPF_ALU64 | BPF_MOV | BPF_K:
        to = static_cast<std::uint64_t>(static_cast<std::int64_t>(step.imm));
        return false;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = static_cast<std::uint32_t>(registers_.at(step.src_reg));
        return false;
      case BPF_ALU | BPF_AND | BPF_K:
        to = low & immediate;
        return false;
      case BPF_ALU | BPF_RSH | BPF_K:
        to = low >> immediate;
        return false;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        return low != immediate;
      case BPF_JMP32 | BPF_JSET | BPF_K:
        return (low & immediate) != 0;
      case BPF_JMP | BPF_JA:
        return true;
      default:
        FAIL("unexpected instruction " << int{step.code});
    }
    return false;
  }

  bpf_cgroup_dev_ctx context_;
  std::array<std::uint64_t, 11> registers_{};
};

bool allows(const std::vector<DeviceRule>& rules, const Request& request) {
  const auto program = device_program(rules);
  REQUIRE(program);
  return Interpreter(request).run(program.value()) == 1;
}

DeviceRule rule(bool allow, char type, std::optional<std::uint32_t> major,
                std::optional<std::uint32_t> minor, std::string_view access) {
  return {allow,
          type,
          major,
          minor,
          access.find('r') != std::string_view::npos,
          access.find('w') != std::string_view::npos,
          access.find('m') != std::string_view::npos};
}

std::vector<std::string> lists(const std::vector<DeviceRule>& rules) {
  const auto writes = device_list_writes(rules);
  REQUIRE(writes);
  std::vector<std::string> shown;
  for (const DeviceListWrite& write : writes.value()) {
    shown.push_back(write.file + " " + write.text);
  }
  return shown;
}

}  // namespace

TEST_CASE("A device program decides as the rules mean") {
  const std::vector<DeviceRule> rules{
      rule(false, 'a', {}, {}, "rwm"), rule(true, 'c', {}, {}, "m"), rule(true, 'c', 1, 3, "rw"),
      rule(true, 'c', 5, {}, "rwm"),   rule(false, 'c', 5, 1, "w"),  rule(true, 'b', 8, 0, "r")};
  CHECK(allows(rules, {'c', 1, 3, kRead | kWrite}));
  CHECK(allows(rules, {'c', 1, 3, kRead | kWrite | kMake}));  // by two rules
  CHECK_FALSE(allows(rules, {'c', 1, 5, kRead}));
  CHECK(allows(rules, {'c', 200, 7, kMake}));
  CHECK(allows(rules, {'c', 5, 1, kRead}));
  CHECK_FALSE(allows(rules, {'c', 5, 1, kRead | kWrite}));
  CHECK(allows(rules, {'b', 8, 0, kRead}));
  CHECK_FALSE(allows(rules, {'b', 8, 0, kWrite}));
  CHECK_FALSE(allows(rules, {'b', 5, 2, kRead}));
  CHECK(allows(rules, {'b', 9, 9, 0}));  // access(2) with F_OK
}

TEST_CASE("A device that no rule matches is denied") {
  CHECK_FALSE(allows({}, {'c', 1, 3, kRead}));
  CHECK_FALSE(allows({rule(true, 'c', 1, 3, "r")}, {'c', 1, 4, kRead}));
  CHECK_FALSE(allows({rule(true, 'a', {}, {}, "")}, {'c', 1, 4, kRead}));
}

TEST_CASE("The last rule for all devices ends a program: unreachable code would be refused") {
  const auto all = device_program({rule(true, 'a', {}, {}, "rwm")});
  const auto more = device_program({rule(true, 'c', 1, 3, "rwm"), rule(true, 'a', {}, {}, "rwm")});
  REQUIRE(all);
  REQUIRE(more);
  CHECK(all.value().size() == more.value().size());
  CHECK(allows({rule(true, 'a', {}, {}, "rwm")}, {'b', 7, 7, kMake}));
}

TEST_CASE("Device programs decide as the model for random rules") {
  std::mt19937 random(20240612);  // NOLINT(bugprone-random-generator-seed): the same every time
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  const auto number = [&](std::uint32_t limit) {
    return below(3) == 0 ? std::nullopt : std::optional(below(limit));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<DeviceRule> rules;
    for (std::uint32_t count = below(9); count > 0; --count) {
      const std::uint32_t access = below(3) == 0 ? 7 : below(8);
      rules.push_back({below(2) == 0, "abc"[below(3)], number(3), number(3), (access & 1) != 0,
                       (access & 2) != 0, (access & 4) != 0});
    }
    const auto program = device_program(rules);
    REQUIRE(program);
    for (const char type : {'b', 'c'}) {
      for (std::uint32_t device = 0; device < 16; ++device) {
        for (unsigned access = 0; access < 8; ++access) {
          const Request request{type, device / 4, device % 4, access};
          const bool allowed = Interpreter(request).run(program.value()) == 1;
          if (allowed != expected(rules, request)) {
            FAIL("round " << round << ": " << type << " " << request.major << ":" << request.minor
                          << " access " << access << " allowed: " << allowed);
          }
        }
      }
    }
  }
}

TEST_CASE("A device number that no device has matches none") {
  CHECK_FALSE(allows({rule(true, 'c', 0xffffffff, {}, "rwm")}, {'c', 0xfff, 0, kRead}));
  CHECK(allows({rule(true, 'c', 0x80000001, {}, "rwm")}, {'c', 0x80000001, 0, kRead}));
}

TEST_CASE("Too many device rules are refused") {
  const std::vector<DeviceRule> rules(kMaxDeviceRules + 1);
  CHECK(device_program(rules).error().code == ErrorCode::kInvalid);
  CHECK(device_list_writes(rules).error().code == ErrorCode::kInvalid);
}

TEST_CASE("v1 has a default and exceptions in order") {
  CHECK(lists({rule(false, 'a', {}, {}, "rwm"), rule(true, 'c', 1, 3, "rw"),
               rule(true, 'b', 8, {}, "m")}) == std::vector<std::string>{"devices.deny a",
                                                                         "devices.allow c 1:3 rw",
                                                                         "devices.allow b 8:* m"});
  CHECK(lists({rule(true, 'c', 1, 3, "rw")}) ==
        std::vector<std::string>{"devices.deny a", "devices.allow c 1:3 rw"});
  // What comes before the last default doesn't matter.
  CHECK(lists({rule(true, 'c', 1, 3, "rw"), rule(true, 'a', {}, {}, "rwm"),
               rule(false, 'c', 1, {}, "w")}) ==
        std::vector<std::string>{"devices.allow a", "devices.deny c 1:* w"});
}

TEST_CASE("v1 takes type 'a' for everything, so a rule for both types is two") {
  CHECK(lists({rule(true, 'a', 1, 3, "r")}) == std::vector<std::string>{"devices.deny a",
                                                                        "devices.allow b 1:3 r",
                                                                        "devices.allow c 1:3 r"});
  CHECK(lists({rule(true, 'a', {}, {}, "rw")}) ==
        std::vector<std::string>{"devices.deny a", "devices.allow b *:* rw",
                                 "devices.allow c *:* rw"});
}

TEST_CASE("v1 takes an exception back by the same numbers, and never a part of one") {
  CHECK(lists({rule(true, 'c', 1, 3, "rwm"), rule(false, 'c', 1, 3, "w")}) ==
        std::vector<std::string>{"devices.deny a", "devices.allow c 1:3 rwm",
                                 "devices.deny c 1:3 w"});
  CHECK(lists({rule(true, 'c', 1, 3, "rw"), rule(true, 'c', 1, 5, "rw"),
               rule(false, 'c', 1, {}, "w")}) ==
        std::vector<std::string>{"devices.deny a", "devices.allow c 1:3 rw",
                                 "devices.allow c 1:5 rw", "devices.deny c 1:3 w",
                                 "devices.deny c 1:5 w"});
  const auto part = device_list_writes({rule(true, 'c', 1, {}, "rw"), rule(false, 'c', 1, 3, "w")});
  REQUIRE_FALSE(part);
  CHECK(part.error().code == ErrorCode::kUnsupported);
  CHECK(part.error().context.find("'c 1:3 w' after 'c 1:* rw'") != std::string::npos);
  // Other devices, types and kinds of access aren't parts.
  CHECK(device_list_writes({rule(true, 'c', 1, {}, "r"), rule(false, 'c', 1, 3, "w"),
                            rule(false, 'b', 1, 3, "r"), rule(false, 'c', 2, 3, "r")}));
}

}  // namespace bothy::container

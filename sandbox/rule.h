// Rule: a system call that a thread of some role may make, and the BPF program made of a table of
// rules, at compile time: start-up computes nothing, and what is listed is what is installed.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bothy::sandbox {

// Which values of one argument a rule allows.
enum class Operand : std::uint8_t {
  kAny,         // the call is allowed whatever its arguments
  kOneOf,       // (argument & mask) is one of the values
  kOwnProcess,  // the argument is this process's id, which Filter::install() puts in
};

struct Rule {
  static constexpr std::size_t kMaxValues = 12;

  std::uint32_t number = 0;
  Operand operand = Operand::kAny;
  std::uint8_t argument = 0;
  std::uint64_t mask = 0;
  std::span<const std::uint64_t> values;  // at most kMaxValues
  const char* meaning = "";               // of the values, for people: "KVM_RUN"
};

namespace rules {

constexpr Rule any(std::uint32_t number) {
  Rule rule;
  rule.number = number;
  return rule;
}

// An argument of 32 bits, as the kernel reads file descriptors, flags and commands, is compared by
// its lower half; one of 64 bits, such as an address, in full.
constexpr std::uint64_t kInt = 0xffffffff;
constexpr std::uint64_t kLong = ~std::uint64_t{0};

// `values` and `meaning` are constants.
constexpr Rule one_of(std::uint32_t number, std::uint8_t argument, std::uint64_t mask,
                      std::span<const std::uint64_t> values, const char* meaning) {
  Rule rule;
  rule.number = number;
  rule.operand = Operand::kOneOf;
  rule.argument = argument;
  rule.mask = mask;
  rule.values = values;
  rule.meaning = meaning;
  return rule;
}

constexpr Rule own_process(std::uint32_t number, std::uint8_t argument) {
  Rule rule;
  rule.number = number;
  rule.operand = Operand::kOwnProcess;
  rule.argument = argument;
  rule.meaning = "this process";
  return rule;
}

}  // namespace rules

// In the place of this process's id, until a filter is installed.
inline constexpr std::uint32_t kOwnProcessMark = 0x7fb07b1e;

// An upper bound of a rule's instructions.
inline constexpr std::size_t kMaxRuleSize = 4 + 4 * Rule::kMaxValues;

// A program, at most as long as its array; the rest is unused.
template <std::size_t kCapacity>
struct Program {
  std::array<sock_filter, kCapacity> code{};
  std::size_t size = 0;

  constexpr void add(std::uint16_t operation, std::uint32_t value, std::size_t if_true = 0,
                     std::size_t if_false = 0) {
    if (if_true > 255 || if_false > 255) {
      throw "a jump is too long";  // NOLINT: at compile time, where it is an error
    }
    code.at(size++) = {operation, static_cast<std::uint8_t>(if_true),
                       static_cast<std::uint8_t>(if_false), value};
  }
};

// The architecture whose system calls filters know (linux/audit.h); the build names it.
inline constexpr std::uint32_t kArchitecture = BOTHY_AUDIT_ARCH;

inline constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
inline constexpr std::uint16_t kJumpIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
inline constexpr std::uint16_t kAnd = BPF_ALU | BPF_AND | BPF_K;
inline constexpr std::uint16_t kReturn = BPF_RET | BPF_K;

// Offsets of struct seccomp_data; both halves of an argument, little-endian.
inline constexpr std::uint32_t kNumberOffset = 0;
inline constexpr std::uint32_t kArchitectureOffset = 4;
constexpr std::uint32_t low_offset(std::uint8_t argument) {
  return 16 + 8U * argument;
}

// What is done for a call that no rule allows.
inline constexpr std::uint32_t kDenied = SECCOMP_RET_TRAP;

namespace detail {

// The instructions that compare one half of an argument, whose other half was equal.
template <std::size_t kCapacity>
constexpr void add_half(Program<kCapacity>& program, std::uint32_t offset, std::uint32_t mask,
                        std::uint32_t value, std::size_t skipped_otherwise) {
  program.add(kLoad, offset);
  program.add(kAnd, mask);
  program.add(kJumpIfEqual, value, 0, skipped_otherwise);
}

// Falls through to the next instructions for another value.
template <std::size_t kCapacity>
constexpr void add_value(Program<kCapacity>& program, const Rule& rule, std::uint64_t value) {
  const auto low_mask = static_cast<std::uint32_t>(rule.mask);
  const auto high_mask = static_cast<std::uint32_t>(rule.mask >> 32U);
  const std::uint32_t offset = low_offset(rule.argument);
  if (high_mask != 0) {
    add_half(program, offset + 4, high_mask, static_cast<std::uint32_t>(value >> 32U), 4);
  }
  add_half(program, offset, low_mask, static_cast<std::uint32_t>(value), 1);
  program.add(kReturn, SECCOMP_RET_ALLOW);
}

// The allowed values of the lower half are compared one after another once it is loaded.
template <std::size_t kCapacity>
constexpr void add_tests(Program<kCapacity>& program, const Rule& rule) {
  if (rule.operand == Operand::kOwnProcess) {
    program.add(kLoad, low_offset(rule.argument));
    program.add(kJumpIfEqual, kOwnProcessMark, 0, 1);
    program.add(kReturn, SECCOMP_RET_ALLOW);
    return;
  }
  if (rule.mask >> 32U != 0) {
    for (const std::uint64_t value : rule.values) {
      add_value(program, rule, value);
    }
    return;
  }
  program.add(kLoad, low_offset(rule.argument));
  if (rule.mask != rules::kInt) {
    program.add(kAnd, static_cast<std::uint32_t>(rule.mask));
  }
  for (const std::uint64_t value : rule.values) {
    program.add(kJumpIfEqual, static_cast<std::uint32_t>(value), 0, 1);
    program.add(kReturn, SECCOMP_RET_ALLOW);
  }
}

}  // namespace detail

// The rules in their order, so that the most frequent calls come first. A number that no rule has,
// which those of other ABIs (x32) are, is denied; another architecture's call ends the process.
template <std::size_t kCount>
constexpr auto compile(const std::array<Rule, kCount>& table) {
  Program<8 + kCount * kMaxRuleSize> program;
  program.add(kLoad, kArchitectureOffset);
  program.add(kJumpIfEqual, kArchitecture, 1, 0);
  program.add(kReturn, SECCOMP_RET_KILL_PROCESS);
  program.add(kLoad, kNumberOffset);
  for (const Rule& rule : table) {
    if (rule.operand == Operand::kAny) {
      program.add(kJumpIfEqual, rule.number, 0, 1);
      program.add(kReturn, SECCOMP_RET_ALLOW);
      continue;
    }
    Program<kMaxRuleSize> tests;
    detail::add_tests(tests, rule);
    tests.add(kReturn, kDenied);
    program.add(kJumpIfEqual, rule.number, 0, tests.size);
    for (std::size_t i = 0; i < tests.size; ++i) {
      program.code.at(program.size++) = tests.code.at(i);
    }
  }
  program.add(kReturn, kDenied);
  return program;
}

// Without the unused rest.
template <std::size_t kSize, std::size_t kCapacity>
constexpr std::array<sock_filter, kSize> shrink(const Program<kCapacity>& program) {
  std::array<sock_filter, kSize> code{};
  for (std::size_t i = 0; i < kSize; ++i) {
    code.at(i) = program.code.at(i);
  }
  return code;
}

// The rules of several tables, one after another.
template <std::size_t... kCounts>
constexpr auto join(const std::array<Rule, kCounts>&... tables) {
  std::array<Rule, (kCounts + ...)> all{};
  std::size_t size = 0;
  const auto append = [&](const auto& table) {
    for (const Rule& rule : table) {
      all.at(size++) = rule;
    }
  };
  (append(tables), ...);
  return all;
}

}  // namespace bothy::sandbox

#include "sandbox/listing.h"

#include <algorithm>

#include "base/result.h"
#include "sandbox/syscall_names.h"

namespace bothy::sandbox {
namespace {

struct Found {
  bool allows = false;
  bool denies = false;
};

// Values that are known: the number and the architecture. Others may be any.
struct Known {
  bool known = false;
  std::uint32_t value = 0;
};

// Filters are short and jump forward alone, so that this ends.
void follow(std::span<const sock_filter> program, std::size_t at, std::uint32_t number, Known value,
            Found& found) noexcept {
  for (; at < program.size(); ++at) {
    const sock_filter& each = program[at];
    switch (each.code) {
      case kLoad:
        value = {each.k == kNumberOffset || each.k == kArchitectureOffset,
                 each.k == kNumberOffset ? number : kArchitecture};
        break;
      case kAnd:
        value.value &= each.k;
        break;
      case kJumpIfEqual:
        if (!value.known) {
          follow(program, at + 1 + each.jt, number, value, found);
        }
        at += value.known && value.value == each.k ? each.jt : each.jf;
        break;
      default:
        (each.code == kReturn && each.k == SECCOMP_RET_ALLOW ? found.allows : found.denies) = true;
        return;
    }
  }
}

std::string describe(std::span<const Rule> rules, std::uint32_t number, Reach reached) {
  std::string text(syscall_name(number));
  if (reached == Reach::kByArguments) {
    const auto rule = std::ranges::find(rules, number, &Rule::number);
    text += std::string(" (") + (rule == rules.end() ? "?" : rule->meaning) + ")";
  }
  return text;
}

}  // namespace

Reach reach(std::span<const sock_filter> program, std::uint32_t number) noexcept {
  Found found;
  follow(program, 0, number, {}, found);
  return !found.allows ? Reach::kNever : found.denies ? Reach::kByArguments : Reach::kAlways;
}

std::vector<std::string> allowed_calls(Role role) {
  std::vector<std::string> calls;
  for (std::uint32_t number = 0; number < syscall_count(); ++number) {
    if (const Reach reached = reach(program_of(role), number); reached != Reach::kNever) {
      calls.push_back(describe(rules_of(role), number, reached));
    }
  }
  std::ranges::sort(calls);
  return calls;
}

std::string documented_row(Role role) {
  const auto calls = allowed_calls(role);
  return fmt::format("| `{}` | {} | {} |", to_string(role), calls.size(), fmt::join(calls, ", "));
}

}  // namespace bothy::sandbox

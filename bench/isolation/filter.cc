#include "bench/isolation/filter.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>

namespace bothy::bench {
namespace {

using Word = std::optional<std::uint32_t>;  // nothing: it depends on what isn't known

// More than any real filter leads to; a hostile one is given up at that.
constexpr std::size_t kMostStates = 200'000;

struct State {
  std::size_t at = 0;
  Word a = 0;
  Word x = 0;
  std::array<Word, BPF_MEMWORDS> memory{};
  auto operator<=>(const State&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
};

struct Outcomes {
  bool passes = false;
  bool refuses = false;
  bool unknown = false;  // the program is invalid, or somebody else decides
};

class Run {
 public:
  Run(const Filter& filter, std::uint32_t architecture, std::uint32_t number)
      : filter_(filter), architecture_(architecture), number_(number) {}

  Outcomes outcomes() {
    State start;
    start.memory.fill(0);
    go(start);
    while (!waiting_.empty() && !outcomes_.unknown) {
      const State state = waiting_.back();
      waiting_.pop_back();
      step(state);
      outcomes_.unknown = outcomes_.unknown || seen_.size() > kMostStates;
    }
    return outcomes_;
  }

 private:
  void go(const State& state) {
    if (state.at >= filter_.size()) {
      outcomes_.unknown = true;
    } else if (seen_.insert(state).second) {
      waiting_.push_back(state);
    }
  }

  // struct seccomp_data: number, architecture, then what isn't known.
  [[nodiscard]] Word load(std::uint32_t offset) const {
    if (offset == offsetof(seccomp_data, nr)) {
      return number_;
    }
    return offset == offsetof(seccomp_data, arch) ? Word(architecture_) : std::nullopt;
  }

  void step(State state) {
    const sock_filter& code = filter_[state.at];
    ++state.at;
    switch (BPF_CLASS(code.code)) {
      case BPF_LD:
      case BPF_LDX: {
        Word& target = BPF_CLASS(code.code) == BPF_LD ? state.a : state.x;
        switch (BPF_MODE(code.code)) {
          case BPF_ABS:
            target = load(code.k);
            break;
          case BPF_IMM:
            target = code.k;
            break;
          case BPF_LEN:
            target = static_cast<std::uint32_t>(sizeof(seccomp_data));
            break;
          case BPF_MEM:
            target = state.memory[code.k % BPF_MEMWORDS];
            break;
          default:
            outcomes_.unknown = true;
        }
        return go(state);
      }
      case BPF_ST:
        state.memory[code.k % BPF_MEMWORDS] = state.a;
        return go(state);
      case BPF_STX:
        state.memory[code.k % BPF_MEMWORDS] = state.x;
        return go(state);
      case BPF_ALU:
        state.a = compute(code, state);
        return go(state);
      case BPF_JMP:
        return jump(code, state);
      case BPF_RET:
        return finish(BPF_RVAL(code.code) == BPF_A ? state.a : Word(code.k));
      default:
        (BPF_MISCOP(code.code) == BPF_TAX ? state.x : state.a) =
            BPF_MISCOP(code.code) == BPF_TAX ? state.a : state.x;
        return go(state);
    }
  }

  static Word compute(const sock_filter& code, const State& state) {
    const Word operand = BPF_SRC(code.code) == BPF_X ? state.x : Word(code.k);
    if (BPF_OP(code.code) == BPF_NEG && state.a) {
      return 0U - *state.a;
    }
    if (!state.a || !operand) {
      return std::nullopt;
    }
    const std::uint32_t a = *state.a;
    const std::uint32_t b = *operand;
    switch (BPF_OP(code.code)) {
      case BPF_ADD:
        return a + b;
      case BPF_SUB:
        return a - b;
      case BPF_MUL:
        return a * b;
      case BPF_DIV:
        return b == 0 ? Word() : a / b;
      case BPF_OR:
        return a | b;
      case BPF_AND:
        return a & b;
      case BPF_XOR:
        return a ^ b;
      case BPF_LSH:
        return b < 32 ? a << b : Word();
      case BPF_RSH:
        return b < 32 ? a >> b : Word();
      default:
        return std::nullopt;
    }
  }

  void jump(const sock_filter& code, State state) {
    if (BPF_OP(code.code) == BPF_JA) {
      state.at += code.k;
      return go(state);
    }
    const Word operand = BPF_SRC(code.code) == BPF_X ? state.x : Word(code.k);
    Word taken;
    if (state.a && operand) {
      switch (BPF_OP(code.code)) {
        case BPF_JEQ:
          taken = *state.a == *operand;
          break;
        case BPF_JGT:
          taken = *state.a > *operand;
          break;
        case BPF_JGE:
          taken = *state.a >= *operand;
          break;
        default:
          taken = (*state.a & *operand) != 0;
      }
    }
    State other = state;
    state.at += code.jt;
    other.at += code.jf;
    if (!taken || *taken != 0) {
      go(state);
    }
    if (!taken || *taken == 0) {
      go(other);
    }
  }

  void finish(const Word& value) {
    if (!value) {
      outcomes_.unknown = true;
      return;
    }
    switch (*value & SECCOMP_RET_ACTION_FULL) {
      case SECCOMP_RET_ALLOW:
      case SECCOMP_RET_LOG:
        outcomes_.passes = true;
        break;
      case SECCOMP_RET_TRACE:
      case SECCOMP_RET_USER_NOTIF:
        outcomes_.unknown = true;
        break;
      default:
        outcomes_.refuses = true;
    }
  }

  const Filter& filter_;
  const std::uint32_t architecture_;
  const std::uint32_t number_;
  std::set<State> seen_;
  std::vector<State> waiting_;
  Outcomes outcomes_;
};

}  // namespace

Reach reach(const std::vector<Filter>& filters, std::uint32_t architecture, std::uint32_t number) {
  Reach strictest = Reach::kAlways;
  for (const Filter& filter : filters) {
    const Outcomes outcomes = Run(filter, architecture, number).outcomes();
    const bool some = outcomes.unknown || (outcomes.passes && outcomes.refuses);
    const Reach found = some ? Reach::kSometimes : outcomes.passes ? Reach::kAlways : Reach::kNever;
    strictest = std::min(strictest, found);
  }
  return strictest;
}

}  // namespace bothy::bench

#include "sandbox/violation.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "sandbox/syscall_names.h"

namespace bothy::sandbox {
namespace {

thread_local std::string_view t_role = "unknown";

// A line of text made without allocating; what doesn't fit is cut.
class Line {
 public:
  void add(std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), size);
    size_ += size;
  }
  void add_hex(std::uint64_t value) noexcept {
    std::array<char, 16> digits{};
    std::size_t at = digits.size();
    do {
      digits[--at] = "0123456789abcdef"[value % 16];
      value /= 16;
    } while (value != 0);
    add("0x");
    add({digits.data() + at, digits.size() - at});
  }
  void add_decimal(std::uint64_t value) noexcept {
    std::array<char, 20> digits{};
    std::size_t at = digits.size();
    do {
      digits[--at] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    add({digits.data() + at, digits.size() - at});
  }
  void write() const noexcept { static_cast<void>(!::write(STDERR_FILENO, text_.data(), size_)); }

 private:
  std::array<char, 512> text_{};
  std::size_t size_ = 0;
};

std::uint64_t argument_of(const ucontext_t& context, std::uint8_t argument) noexcept {
  constexpr std::array kRegisters{REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
  return static_cast<std::uint64_t>(context.uc_mcontext.gregs[kRegisters.at(argument)]);
}

// The arguments are told by the one that decides, as addresses would tell where memory is.
void add_call(Line& line, std::uint32_t number, const ucontext_t& context) noexcept {
  const std::string_view name = syscall_name(number);
  if (name.empty()) {
    line.add("number ");
    line.add_decimal(number);
  } else {
    line.add(name);
  }
  const auto role = role_named(t_role);
  for (const Rule& rule : role ? rules_of(*role) : std::span<const Rule>()) {
    if (rule.number == number) {
      line.add(" with argument ");
      line.add_decimal(rule.argument + 1U);
      line.add(" = ");
      line.add_hex(argument_of(context, rule.argument));
    }
  }
}

// The thread's filter allows all that this makes: prctl(2) isn't among it, so the thread is told by
// its role and number.
void report(int, siginfo_t* info, void* context) noexcept {
  Line line;
  line.add("bothy: the sandbox stopped a thread (");
  line.add(t_role);
  line.add(", ");
  line.add_decimal(static_cast<std::uint64_t>(::gettid()));
  line.add("): it made the system call ");
  add_call(line, static_cast<std::uint32_t>(info->si_syscall),
           *static_cast<const ucontext_t*>(context));
  line.add(
      ", which it never needs. Either this is a bug of bothy, or its guest has taken it over: "
      "please report it. '--sandbox=off' runs without this protection\n");
  line.write();
  // Not _exit(2), for which sanitizers make calls of their own.
  ::syscall(SYS_exit_group, kViolationStatus);
}

}  // namespace

Result<void> install_violation_handler() {
  struct sigaction action {};
  action.sa_sigaction = report;
  action.sa_flags = SA_SIGINFO;
  // Nothing interrupts it; a second violation, in the handler, ends the process.
  sigfillset(&action.sa_mask);
  if (::sigaction(SIGSYS, &action, nullptr) != 0) {
    return errno_error("can't install the handler of seccomp violations");
  }
  // It may have been blocked by the caller of this program.
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGSYS);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  return success();
}

void note_role(Role role) noexcept {
  t_role = to_string(role);
}

}  // namespace bothy::sandbox

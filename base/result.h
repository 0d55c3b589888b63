// Result<T>: a value, or the error of a set-up or of the host. Exceptions do not cross a room's
// border.
#pragma once

#include <fmt/format.h>

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/success_failure.hpp>
#include <boost/outcome/try.hpp>
#include <string>
#include <utility>

namespace bothy {

// The kind of a failure, as far as callers distinguish them: cli/exit_status.h derives the exit
// status.
enum class ErrorCode {
  kInvalid,      // invalid arguments: a flag, a size, a combination
  kNotFound,     // the named file, device or instance doesn't exist
  kPermission,   // permission denied
  kUnsupported,  // this host or this build lacks what is needed
  kBadInput,     // the content of a file can't be used: a kernel, an image, JSON
  kExhausted,    // memory, descriptors, address space, disk space
  kBusy,         // another process holds the resource
  kSystem,       // an unexpected failure of a system call or of another program
};

// One failure. `context` is one line without a final full stop, to be shown once, at the top: the
// thing, the operation, the system's reason and, where there is one, the remedy.
struct Error {
  ErrorCode code = ErrorCode::kSystem;
  std::string context;
};

namespace outcome = BOOST_OUTCOME_V2_NAMESPACE;

// Using the value of a failed Result is a bug and terminates the program.
template <class T = void>
using Result = outcome::basic_result<T, Error, outcome::policy::terminate>;

using outcome::success;

// BOTHY_TRY(auto x, expression) unwraps or returns the error to the caller.
#define BOTHY_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)

template <class... Args>
[[nodiscard]] Error make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

// The kind of failure that an errno value stands for.
[[nodiscard]] ErrorCode code_from_errno(int error_number) noexcept;

// "<what>: <strerror>", with the code that the errno value stands for; by default errno itself.
[[nodiscard]] Error errno_error(std::string what);
[[nodiscard]] Error errno_error(std::string what, int error_number);

}  // namespace bothy

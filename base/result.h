// Result<T>: how a set-up or host failure travels. Exceptions do not cross a room's border.
#pragma once

#include <fmt/format.h>

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/success_failure.hpp>
#include <boost/outcome/try.hpp>
#include <string>
#include <utility>

namespace bothy {

// What kind of failure it is, as far as somebody reacts to it: the exit status follows from it.
enum class ErrorCode {
  kInvalid,      // the user's input makes no sense: a flag, a size, a file's content
  kNotFound,     // a named thing isn't there
  kPermission,   // it is there, and we may not
  kUnsupported,  // this host, or this build, can't do it
  kBadImage,     // a kernel, initrd or disk image that can't be used as what it was given for
  kExhausted,    // memory, descriptors, address space
  kBusy,         // somebody else holds it
  kSystem,       // a system call failed that should not have
};

// One failure. `context` is a whole sentence without a final full stop, made to be shown once, at
// the top: it names the thing, says what was wrong and, where there is one, the remedy.
struct Error {
  ErrorCode code = ErrorCode::kSystem;
  std::string context;
};

namespace outcome = BOOST_OUTCOME_V2_NAMESPACE;

// Asking a failed Result for its value is a bug of ours and terminates.
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

// "<what>: <strerror>", with the code that the errno value stands for. Reads errno when not given
// one.
[[nodiscard]] Error errno_error(std::string what);
[[nodiscard]] Error errno_error(std::string what, int error_number);

}  // namespace bothy

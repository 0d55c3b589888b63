// The handler of std::terminate(). libstdc++'s own would add a demangler of 50 KB to a static
// program.
#include <cstdlib>
#include <exception>

#include "base/log.h"

namespace __gnu_cxx {  // NOLINT(bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp)

void __verbose_terminate_handler();  // NOLINT: its name is not ours to choose

void __verbose_terminate_handler() {  // NOLINT
  try {
    if (const std::exception_ptr thrown = std::current_exception()) {
      std::rethrow_exception(thrown);
    }
    bothy::log_line(bothy::LogLevel::kError, "this is a bug: terminated");
  } catch (const std::exception& error) {
    bothy::log(bothy::LogLevel::kError, "this is a bug: {}", error.what());
  } catch (...) {
    bothy::log_line(bothy::LogLevel::kError, "this is a bug: an unknown exception was not caught");
  }
  std::abort();
}

}  // namespace __gnu_cxx

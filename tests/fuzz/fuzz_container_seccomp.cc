// Seccomp profiles of any bytes, in the form of config.json and in that of profile files: an error
// of one line, or a profile that compiles to a program, or that can't for a reason.
#include <linux/filter.h>

#include <string_view>

#include "container/seccomp.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace container = bothy::container;
using bothy::fuzz::check;

void check_error(const bothy::Error& error) {
  check(error.code == bothy::ErrorCode::kBadInput);
  check(!error.context.empty());
  check(error.context.find('\n') == std::string::npos);
}

void check_profile(const bothy::Result<container::SeccompProfile>& profile) {
  if (!profile) {
    return check_error(profile.error());
  }
  for (const container::SeccompRule& rule : profile.value().rules) {
    check(!rule.names.empty());
    for (const container::SeccompArgument& argument : rule.arguments) {
      check(argument.index < 6);
    }
  }
  const auto filter = container::compile_seccomp(profile.value(), "");
  if (!filter) {
    return check_error(filter.error());
  }
  check(!filter.value().program.empty() && filter.value().program.size() <= BPF_MAXINSNS);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_profile(container::parse_seccomp(text, "linux.seccomp"));
  check_profile(container::parse_seccomp_file(text, "profile", container::default_capabilities()));
  return 0;
}

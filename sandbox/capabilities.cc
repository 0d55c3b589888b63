#include "sandbox/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace bothy::sandbox {

namespace {

// The capabilities of the calling thread, and the calls that get and set them.
struct Sets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};

  bool get() noexcept { return ::syscall(SYS_capget, &header, words.data()) == 0; }
  bool set() noexcept { return ::syscall(SYS_capset, &header, words.data()) == 0; }
};

}  // namespace

const char* keep_capabilities(std::uint64_t kept) noexcept {
  constexpr const char* kFailed = "can't give up capabilities";
  Sets sets;
  if (!sets.get()) {
    return kFailed;
  }
  for (std::size_t i = 0; i < sets.words.size(); ++i) {
    sets.words[i].permitted &= static_cast<std::uint32_t>(kept >> (32 * i));
    sets.words[i].effective = sets.words[i].permitted;
    sets.words[i].inheritable = 0;
  }
  // Ambient capabilities are a part of the inheritable ones.
  return sets.set() ? nullptr : kFailed;
}

const char* set_capabilities_in_effect(bool in_effect) noexcept {
  Sets sets;
  if (!sets.get()) {
    return "can't read capabilities";
  }
  for (auto& word : sets.words) {
    word.effective = in_effect ? word.permitted : 0;
  }
  return sets.set() ? nullptr : "can't put capabilities in effect";
}

bool has_capability(int capability) noexcept {
  Sets sets;
  const auto bit = static_cast<unsigned>(capability);
  return sets.get() && (sets.words.at(bit / 32).effective >> (bit % 32) & 1U) != 0;
}

}  // namespace bothy::sandbox

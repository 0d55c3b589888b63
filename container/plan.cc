#include "container/plan.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "container/system_calls.h"

namespace bothy::container {

void ContainerPlan::describe(std::string text) {
  description_ = keep(std::move(text));
}

Call& ContainerPlan::add(int number, std::initializer_list<Argument> arguments) {
  Call call;
  call.number = number;
  std::ranges::copy(arguments, call.arguments.begin());
  call.description = description_;
  std::vector<Call>& calls = is_inner_ ? inner_ : outer_;
  calls.push_back(call);
  return calls.back();
}

Call& ContainerPlan::add_open(Slot result, Slot directory, const char* path, std::uint64_t flags,
                              std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  Call& call = add(SYS_openat2, {directory, path, keep(how), sizeof(how)});
  call.result = result;
  return call;
}

Slot ContainerPlan::new_slot(int descriptor) {
  slots_.push_back(descriptor);
  return {static_cast<int>(slots_.size()) - 1};
}

const char* ContainerPlan::keep(std::string text) {
  return texts_.emplace_back(std::move(text)).c_str();
}

const void* ContainerPlan::keep_bytes(std::span<const std::byte> bytes) {
  return blobs_.emplace_back(bytes.begin(), bytes.end()).data();
}

void ContainerPlan::set_command(const std::vector<std::string>& arguments,
                                const std::vector<std::string>& environment,
                                const std::vector<std::string>& candidates) {
  for (const std::string& argument : arguments) {
    arguments_.push_back(const_cast<char*>(keep(argument)));
  }
  arguments_.push_back(nullptr);
  for (const std::string& variable : environment) {
    environment_.push_back(const_cast<char*>(keep(variable)));
  }
  environment_.push_back(nullptr);
  for (const std::string& candidate : candidates) {
    candidates_.push_back(keep(candidate));
  }
}

}  // namespace bothy::container

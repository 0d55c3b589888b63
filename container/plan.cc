#include "container/plan.h"

#include <algorithm>
#include <utility>

namespace bothy::container {

void ContainerPlan::describe(std::string text) {
  descriptions_.push_back(std::move(text));
}

Call& ContainerPlan::add(int number, std::initializer_list<Argument> arguments) {
  Call call;
  call.number = number;
  std::ranges::copy(arguments, call.arguments.begin());
  call.description = static_cast<std::uint32_t>(descriptions_.size() - 1);
  std::vector<Call>& calls = is_inner_ ? inner_ : outer_;
  calls.push_back(call);
  return calls.back();
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
  command_ = arguments.front();
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

const std::string& ContainerPlan::description(std::uint32_t index) const {
  return descriptions_.at(std::min<std::size_t>(index, descriptions_.size() - 1));
}

}  // namespace bothy::container

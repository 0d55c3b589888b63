#include "container/plan.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr std::size_t kAlignment = 8;

// The offset of the copy.
template <class T>
std::uint32_t append(std::vector<std::byte>& block, std::span<const T> values) {
  block.resize((block.size() + kAlignment - 1) / kAlignment * kAlignment);
  const auto offset = static_cast<std::uint32_t>(block.size());
  const auto bytes = std::as_bytes(values);
  block.insert(block.end(), bytes.begin(), bytes.end());
  return offset;
}

template <class T>
PlanList append_list(std::vector<std::byte>& block, const std::vector<T>& values) {
  return {append(block, std::span(values)), static_cast<std::uint32_t>(values.size())};
}

}  // namespace

void ContainerPlan::describe(std::string_view text) {
  description_ = keep(text);
}

Call& ContainerPlan::add(int number, std::initializer_list<Argument> arguments) {
  Call call;
  call.number = number;
  call.description = description_.offset;
  std::size_t i = 0;
  for (const Argument& argument : arguments) {
    call.kinds[i] = argument.kind;
    call.arguments[i] =
        argument.text == nullptr ? argument.value : keep_literal(argument.text).offset;
    ++i;
  }
  std::vector<Call>& calls = is_inner_ ? inner_ : outer_;
  calls.push_back(call);
  return calls.back();
}

Call& ContainerPlan::add_open(Slot result, Slot directory, const Argument& path,
                              std::uint64_t flags, std::uint64_t resolve) {
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

Kept ContainerPlan::keep(std::string_view text) {
  const Kept kept{static_cast<std::uint32_t>(sizeof(PlanHeader) + kept_.size())};
  const auto bytes = std::as_bytes(std::span(text));
  kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  kept_.push_back(std::byte{0});
  return kept;
}

Kept ContainerPlan::keep_literal(const char* literal) {
  const auto found = std::ranges::find(literals_, literal, &std::pair<const char*, Kept>::first);
  if (found != literals_.end()) {
    return found->second;
  }
  return literals_.emplace_back(literal, keep(std::string_view(literal))).second;
}

Kept ContainerPlan::keep_bytes(std::span<const std::byte> bytes) {
  static_assert(sizeof(PlanHeader) % kAlignment == 0);
  return {static_cast<std::uint32_t>(sizeof(PlanHeader)) + append(kept_, bytes)};
}

Kept ContainerPlan::keep_list(const std::vector<std::string>& texts) {
  std::vector<std::uint64_t> offsets;
  for (const std::string& text : texts) {
    offsets.push_back(keep(text).offset);
  }
  offsets.push_back(0);
  return keep_array(offsets);
}

void ContainerPlan::set_command(const std::vector<std::string>& arguments,
                                const std::vector<std::string>& environment,
                                const std::vector<std::string>& candidates) {
  arguments_ = keep_list(arguments);
  environment_ = keep_list(environment);
  candidates_ = keep_list(candidates);
}

std::vector<int> ContainerPlan::descriptors() const {
  std::vector<int> all;
  std::ranges::copy_if(slots_, std::back_inserter(all), [](int each) { return each >= 0; });
  return all;
}

std::vector<std::byte> ContainerPlan::pack(const std::vector<int>& given) const {
  std::vector<std::byte> block(sizeof(PlanHeader));
  block.reserve(sizeof(PlanHeader) + kept_.size() + (outer_.size() + inner_.size()) * sizeof(Call) +
                (slots_.size() + given.size()) * sizeof(int) + 4 * kAlignment);
  block.insert(block.end(), kept_.begin(), kept_.end());
  PlanHeader header;
  header.outer = append_list(block, outer_);
  header.inner = append_list(block, inner_);
  header.descriptors = append_list(block, given);
  header.slots = append(block, std::span(slots_));
  header.arguments = arguments_.offset;
  header.environment = environment_.offset;
  header.candidates = candidates_.offset;
  header.report = report;
  std::memcpy(block.data(), &header, sizeof(header));
  return block;
}

}  // namespace bothy::container

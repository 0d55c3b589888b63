// The calls of a plan, made in the test's own process.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "container/plan.h"
#include "container/stage/calls.h"

namespace bothy::container {

class PlanRun {
 public:
  explicit PlanRun(const ContainerPlan& plan) : bytes_(plan.pack({})) {}

  // 0, or the errno of the call that failed.
  int make_outer() { return make(header().outer); }
  int make_inner() { return make(header().inner); }
  // Of the call that failed.
  [[nodiscard]] std::string description() const { return description_; }
  [[nodiscard]] int slot(Slot slot) {
    int value = -1;
    const std::size_t at = header().slots + static_cast<std::size_t>(slot.index) * sizeof(value);
    std::memcpy(&value, bytes_.data() + at, sizeof(value));
    return value;
  }

 private:
  [[nodiscard]] PlanHeader& header() { return *reinterpret_cast<PlanHeader*>(bytes_.data()); }
  int make(const PlanList& calls) {
    const Call* failed = make_calls(header(), calls);
    if (failed == nullptr) {
      return 0;
    }
    const int error = errno;
    description_ = reinterpret_cast<const char*>(bytes_.data()) + failed->description;
    return error;
  }

  std::vector<std::byte> bytes_;
  std::string description_;
};

}  // namespace bothy::container

#include "bench/results/validity.h"

#include <fmt/format.h>

namespace bothy::bench {
namespace {

Verdict judge_time(const Circumstances& at, Kind kind) {
  if (kind == Kind::kVm && at.host_class == HostClass::kEmulated) {
    return {Validity::kNotMeasurable,
            "the processor is emulated: a guest's times say nothing of a real one's"};
  }
  if (at.emulated_host) {
    return {Validity::kRatioOnly, "the processor is emulated"};
  }
  if (kind == Kind::kVm && at.host_class == HostClass::kNested) {
    return {Validity::kRatioOnly, "nested virtualization"};
  }
  if (at.noisy) {
    return {Validity::kRatioOnly, "the A/A run was not null"};
  }
  if (at.virtual_host) {
    return {Validity::kRatioOnly, "the host is a virtual machine, with neighbours of its own"};
  }
  if (at.sessions < kPublishableSessions || at.starts < kPublishableStarts) {
    return {Validity::kRatioOnly,
            fmt::format("{} sessions of {} starts; it takes {} of {}", at.sessions, at.starts,
                        kPublishableSessions, kPublishableStarts)};
  }
  return {};
}

}  // namespace

Verdict judge(const Circumstances& at, Kind kind, Quantity quantity) {
  if (kind == Kind::kVm && at.host_class == HostClass::kNone) {
    return {Validity::kNotMeasurable, "no Linux guest runs here: see bothy doctor"};
  }
  if (quantity == Quantity::kTime || quantity == Quantity::kRate) {
    return judge_time(at, kind);
  }
  if (kind == Kind::kVm && at.host_class == HostClass::kEmulated) {
    return {Validity::kCountOnly, "the processor is emulated: sizes and counts hold"};
  }
  return {};
}

}  // namespace bothy::bench

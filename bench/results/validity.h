// What may be said of a figure, by where and how it was measured.
#pragma once

#include <cstddef>
#include <string>

#include "bench/host/host.h"
#include "bench/results/metrics.h"
#include "bench/results/results.h"
#include "bench/subjects/subject.h"

namespace bothy::bench {

struct Circumstances {
  HostClass host_class = HostClass::kNone;
  bool virtual_host = false;   // the host is a virtual machine itself
  bool emulated_host = false;  // its processor is emulated
  bool noisy = false;          // the A/A run found a difference
  std::size_t sessions = 1;
  std::size_t starts = 1;  // of each session
};

// Resamples of every bootstrap, and permutations of every test.
inline constexpr std::size_t kResamples = 2000;
// The A/A run is null when the interval of its ratio has 1 in it and is no wider than this on
// either side: it must be able to find what is worth finding.
inline constexpr double kNoiseLimit = 0.1;

// What a publishable time takes.
inline constexpr std::size_t kPublishableSessions = 5;
inline constexpr std::size_t kPublishableStarts = 30;

struct Verdict {
  Validity validity = Validity::kPublishable;
  std::string reason;
};

[[nodiscard]] Verdict judge(const Circumstances& circumstances, Kind kind, Quantity quantity);

}  // namespace bothy::bench

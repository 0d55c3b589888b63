// RunSpec: what is to run, once the image has had its say: options where they say something, the
// image's configuration elsewhere (image-spec/config.md, and Docker's habits).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/store/documents.h"
#include "run/run_options.h"

namespace bothy::run {

struct ProcessSpec {
  std::vector<std::string> arguments;    // at least one
  std::vector<std::string> environment;  // a name once, with a PATH
  std::string directory = "/";
  std::string user;  // as the image has it; empty: root
  bool interactive = false;
  bool terminal = false;
  std::uint16_t columns = 80;
  std::uint16_t rows = 24;
  std::uint64_t token = 0;  // that its streams carry (guest/protocol/agent.h)
};

// The first process. kInvalid when neither the image nor the options name a command, or an
// environment variable has no name.
[[nodiscard]] Result<ProcessSpec> first_process(const RunOptions& options,
                                                const image::ImageConfig& image);
// Another one, in the surroundings of the first.
[[nodiscard]] Result<ProcessSpec> further_process(const ProcessSpec& first,
                                                  const ProcessOptions& options,
                                                  std::vector<std::string> arguments);

// One that nobody guesses.
[[nodiscard]] std::uint64_t random_token() noexcept;

// "TERM", "SIGTERM" or "15"; kInvalid for anything else.
[[nodiscard]] Result<int> signal_number(const std::string& text);

}  // namespace bothy::run

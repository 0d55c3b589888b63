// ProcessSpec: a process to run: from the options where they are set, otherwise from the image's
// configuration (image-spec/config.md), as Docker combines them.
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
  std::vector<std::string> environment;  // each name once, PATH among them
  std::string directory = "/";
  std::string user;                 // USER[:GROUP], names or numbers; empty: root
  std::vector<std::string> groups;  // additional ones
  bool interactive = false;
  bool terminal = false;
  std::uint16_t columns = 80;
  std::uint16_t rows = 24;
};

// The first process. kInvalid when neither the image nor the options name a command, or an
// environment variable has no name.
[[nodiscard]] Result<ProcessSpec> first_process(const RunOptions& options,
                                                const image::ImageConfig& image);
// Another process, with the environment, user and directory of the first unless options set them.
[[nodiscard]] Result<ProcessSpec> further_process(const ProcessSpec& first,
                                                  const ProcessOptions& options,
                                                  std::vector<std::string> arguments);

// An unguessable number.
[[nodiscard]] std::uint64_t random_token() noexcept;

// "TERM", "SIGTERM" or "15"; kInvalid for anything else.
[[nodiscard]] Result<int> signal_number(const std::string& text);

}  // namespace bothy::run

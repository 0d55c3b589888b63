// run_confined(): what handles an image's bytes, in a child process that can do nothing else:
// decompression, tar, JSON, erofs, trees. A hostile image that finds a bug in it gets a process
// without privileges, capabilities, network, programs to execute and paths, which may make some
// thirty system calls, and whose answers this process checks.
//
//   prepare() opens what is needed -> confined, for good -> run() -> its result, or an error
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/confined/link.h"
#include "image/store/store.h"

namespace bothy::image {

// What a child may do beyond working on the descriptors and the memory that it has.
enum class ConfinedFiles : std::uint8_t {
  kDescriptors,  // nothing: no paths at all
  kReadTree,     // read below a directory
  kWriteTree,    // make files of any kind below a directory, and give them away
};

struct ConfinedWork {
  // What didn't happen, when the child is killed: "the image's disk couldn't be built".
  std::string failure;
  // Numbers in the child, from kFirstConfinedFd on -> descriptors of this process.
  std::map<int, int> descriptors;

  ConfinedFiles files = ConfinedFiles::kDescriptors;
  // The directory of kReadTree and kWriteTree, as a path for the child after prepare().
  std::string directory;
  std::uint64_t capabilities = 0;  // 1 << CAP_*, to be kept
  // Limits of the image, from which those of the child follow: memory, processor time.
  Limits limits;

  // In the child, before it is confined: opens files, joins namespaces. Handles nothing of an
  // image.
  std::function<Result<void>()> prepare;
  // In the child, confined. The result is at most kMaxFrame bytes.
  std::function<Result<std::string>(ParentLink&)> run;

  // In this process, for each message that isn't progress: the answer to a request. An error of a
  // message that isn't a request ends the child, and run_confined() with that error.
  std::function<Result<std::string>(std::uint32_t type, std::string_view content)> serve;
  // Types of messages from this one on are requests; those before are not answered.
  std::uint32_t first_request = static_cast<std::uint32_t>(LinkMessage::kFirstRequest);
  Progress progress;
};

inline constexpr int kParentLinkFd = 3;
inline constexpr int kFirstConfinedFd = 4;

// Runs the work in a child, serves its messages, and returns what the child says, which is to be
// checked: a hostile image may have made it up. kBadInput, with the signal, when the child is
// killed. The child ends with the thread that called. A process with other threads may call: the
// child allocates memory, which the C library allows after fork(2).
[[nodiscard]] Result<std::string> run_confined(const ConfinedWork& work);

// Reports progress in the child.
[[nodiscard]] Progress progress_on(ParentLink& link);

// Confines the calling process as that child. For tests.
[[nodiscard]] Result<void> confine(const ConfinedWork& work);

}  // namespace bothy::image

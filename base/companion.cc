#include "base/companion.h"

#include <unistd.h>

#include <utility>

#include "base/process.h"
#include "base/socket_pair.h"

namespace bothy {

Result<Companion> Companion::start(const std::map<int, int>& descriptors,
                                   const std::function<void()>& body) {
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  ProcessOptions options;
  options.descriptors = descriptors;
  options.descriptors[STDERR_FILENO] = STDERR_FILENO;
  options.descriptors[kSocket] = pair.theirs.get();
  options.new_session = true;
  BOTHY_TRY(Process process, Process::start_function(options, [&body] {
              body();
              return 0;
            }));
  process.abandon();
  return Companion(std::move(pair.ours));
}

}  // namespace bothy

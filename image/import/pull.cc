#include "image/import/pull.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/files.h"
#include "image/store/reference.h"

namespace bothy::image {
namespace {

constexpr std::string_view kDocker = "docker://";
constexpr std::string_view kMessage = "msg=\"";
constexpr int kReportEvery = 200;  // ms
constexpr std::size_t kLongestWords = 4096;
// What posix_spawn's child exits with when there is no such program.
constexpr int kNoProgram = 127;

struct Source {
  std::string transport;  // with the reference, as skopeo wants it
  std::string name;       // to give the image, in full; empty for its own
};

Result<Source> source_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string scheme = text.substr(0, colon);
  const bool transport = scheme == "containers-storage" || scheme == "docker-daemon" ||
                         scheme == "docker-archive" || scheme == "oci" || scheme == "oci-archive" ||
                         scheme == "dir";
  if (transport) {
    return Source{text, ""};
  }
  BOTHY_TRY(const Reference reference,
            Reference::parse(text.starts_with(kDocker) ? text.substr(kDocker.size()) : text));
  Source source{std::string(kDocker) + reference.full(), reference.full()};
  if (reference.digest) {
    // Skopeo takes a tag or a digest; and a digest is no name.
    source.transport = std::string(kDocker) + reference.repository + "@" + reference.digest->text();
    source.name = reference.tag.empty() ? reference.repository + ":latest"
                                        : reference.repository + ":" + reference.tag;
  }
  return source;
}

std::uint64_t bytes_in(const std::string& directory) {
  std::uint64_t total = 0;
  for (const char* part : {"", "/blobs/sha256"}) {
    const auto names = list_directory(directory + part);
    for (std::size_t i = 0; names && i < names.value().size(); ++i) {
      struct stat status {};
      const std::string path = directory + part + "/" + names.value()[i];
      if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
        total += static_cast<std::uint64_t>(status.st_size);
      }
    }
  }
  return total;
}

// Its standard error comes back; its standard output, which lists blobs, goes nowhere.
Result<pid_t> start(std::vector<std::string> words, UniqueFd& errors) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't make a pipe");
  }
  errors = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDERR_FILENO);
  // bothy ignores SIGPIPE, and a program inherits that.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = -1;
  const int failed =
      ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT) {
    return make_error(ErrorCode::kNotFound,
                      "there is no skopeo, which fetches images: install the package skopeo");
  }
  if (failed != 0) {
    return errno_error("can't run skopeo", failed);
  }
  return child;
}

// All that it says on standard error, as long as somebody has that open.
std::string listen(int fd, const std::function<void()>& meanwhile) {
  std::string words;
  std::array<char, 4096> buffer{};
  pollfd events{fd, POLLIN, 0};
  while (true) {
    const int ready = ::poll(&events, 1, kReportEvery);
    meanwhile();
    if (ready <= 0) {
      continue;
    }
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return words;
    }
    words.append(buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
    if (words.size() > kLongestWords) {
      words.erase(0, words.size() - kLongestWords);
    }
  }
}

// The last line, without what its logger puts around it.
std::string last_words(std::string words) {
  while (words.ends_with('\n')) {
    words.pop_back();
  }
  const std::size_t line = words.rfind('\n');
  words = line == std::string::npos ? words : words.substr(line + 1);
  if (const std::size_t message = words.find(kMessage); message != std::string::npos) {
    words = words.substr(message + kMessage.size());
    words = words.substr(0, words.rfind('"'));
  }
  return words.empty() ? "it says nothing" : printable(words);
}

}  // namespace

Result<std::vector<Image>> pull_image(const Store& store, const std::string& reference,
                                      const ImportOptions& options) {
  BOTHY_TRY(const Source source, source_of(reference));
  BOTHY_TRY(const Addition room, store.begin());
  const std::string layout = room.stage.path() + "/pulled";
  const Platform platform = options.platform.value_or(Platform::host());
  std::vector<std::string> words{"skopeo", "--override-os", platform.os, "--override-arch",
                                 platform.architecture};
  if (!platform.variant.empty()) {
    words.insert(words.end(), {"--override-variant", platform.variant});
  }
  words.insert(words.end(), {"copy", "--quiet", source.transport, "oci:" + layout + ":pulled"});
  UniqueFd errors;
  BOTHY_TRY(const pid_t child, start(std::move(words), errors));
  const std::string said = listen(errors.get(), [&] {
    if (options.progress) {
      options.progress("pulling " + reference, bytes_in(layout), 0);
    }
  });
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const bool missing = WIFEXITED(status) && WEXITSTATUS(status) == kNoProgram && said.empty();
    return missing ? make_error(ErrorCode::kNotFound,
                                "there is no skopeo, which fetches images: install the package "
                                "skopeo")
                   : make_error(ErrorCode::kBadImage, "can't pull {}: {}", printable(reference),
                                last_words(said));
  }
  ImportOptions local = options;
  local.name = options.name.empty() ? source.name : options.name;
  return import_image(store, layout, local);
}

}  // namespace bothy::image

#include "image/import/pull.h"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/files.h"
#include "base/find_program.h"
#include "base/process.h"
#include "image/store/reference.h"

namespace bothy::image {
namespace {

constexpr std::string_view kDocker = "docker://";
constexpr std::string_view kMessage = "msg=\"";

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

// skopeo's log line, without what its logger puts around the message.
std::string message_of(const std::string& output) {
  std::string text = last_line(output);
  if (const std::size_t message = text.find(kMessage); message != std::string::npos) {
    text = text.substr(message + kMessage.size());
    text = text.substr(0, text.rfind('"'));
  }
  return text;
}

}  // namespace

Result<std::vector<Image>> pull_image(const Store& store, const std::string& reference,
                                      const ImportOptions& options) {
  BOTHY_TRY(const Source source, source_of(reference));
  BOTHY_TRY(const Addition room, store.begin());
  const std::string layout = room.stage.path() + "/pulled";
  const Platform platform = options.platform.value_or(Platform::host());
  ProcessOptions command;
  command.arguments = {"skopeo", "--override-os", platform.os, "--override-arch",
                       platform.architecture};
  if (!platform.variant.empty()) {
    command.arguments.insert(command.arguments.end(), {"--override-variant", platform.variant});
  }
  command.arguments.insert(command.arguments.end(),
                           {"copy", "--quiet", source.transport, "oci:" + layout + ":pulled"});
  command.captured = {STDERR_FILENO};
  command.death_signal = SIGTERM;
  auto started = Process::start(command);
  if (!started && started.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kNotFound,
                      "skopeo is not installed, and pulling images needs it: 'apt install skopeo'");
  }
  BOTHY_TRY(Process skopeo, std::move(started));
  Process::ReadLimits limits;
  limits.on_tick = [&] {
    if (options.progress) {
      options.progress("pulling " + reference, bytes_in(layout), 0);
    }
  };
  skopeo.read_output(limits);
  if (!skopeo.wait().succeeded()) {
    return make_error(ErrorCode::kBadImage, "can't pull {}: {}", printable(reference),
                      message_of(skopeo.output()));
  }
  ImportOptions local = options;
  local.name = options.name.empty() ? source.name : options.name;
  return import_image(store, layout, local);
}

}  // namespace bothy::image

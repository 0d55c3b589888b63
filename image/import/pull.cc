#include "image/import/pull.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/files.h"
#include "image/confined/child.h"
#include "image/confined/wire.h"
#include "image/import/skopeo.h"
#include "image/store/media_type.h"
#include "image/store/reference.h"

namespace bothy::image {
namespace {

constexpr std::string_view kDocker = "docker://";
constexpr std::array<std::string_view, 6> kLocalTransports{
    "containers-storage", "docker-daemon", "docker-archive", "oci", "oci-archive", "dir"};

struct Source {
  std::string transport;   // with the reference, as skopeo wants it
  std::string repository;  // of a registry, likewise
  std::string name;        // to give the image, in full; empty for its own
};

Result<Source> source_of(const std::string& text) {
  const std::string_view scheme = std::string_view(text).substr(0, text.find(':'));
  if (std::find(kLocalTransports.begin(), kLocalTransports.end(), scheme) !=
      kLocalTransports.end()) {
    return Source{text, "", ""};
  }
  BOTHY_TRY(const Reference reference,
            Reference::parse(text.starts_with(kDocker) ? text.substr(kDocker.size()) : text));
  const std::string repository = std::string(kDocker) + reference.repository;
  Source source{std::string(kDocker) + reference.full(), repository, reference.full()};
  if (reference.digest) {
    // Skopeo takes a tag or a digest; and a digest is no name.
    source.transport = repository + "@" + reference.digest->text();
    source.name = reference.repository + ":" + (reference.tag.empty() ? "latest" : reference.tag);
  }
  return source;
}

// Of all files that skopeo has written so far.
std::uint64_t bytes_in(const std::string& layout) {
  std::uint64_t total = 0;
  for (const char* part : {"", "/blobs/sha256"}) {
    const auto names = list_directory(layout + part);
    for (std::size_t i = 0; names && i < names.value().size(); ++i) {
      struct stat status {};
      const std::string path = layout + part + "/" + names.value()[i];
      if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
        total += static_cast<std::uint64_t>(status.st_size);
      }
    }
  }
  return total;
}

// What a registry's answer says.
struct Answer {
  enum class Kind : std::uint8_t { kOther, kIndex, kManifest };

  Kind kind = Kind::kOther;
  Digest chosen;            // of an index: the manifest for the platform
  std::uint64_t bytes = 0;  // of a manifest: what is to be downloaded
};

Result<Answer> parse_answer(const std::string& text, const Platform& platform,
                            const Limits& limits) {
  if (const auto index = Index::parse(text); index) {
    BOTHY_TRY(const Descriptor chosen, choose_manifest(index.value().manifests, platform));
    return Answer{Answer::Kind::kIndex, chosen.digest, 0};
  }
  const auto manifest = Manifest::parse(text);
  if (!manifest) {
    return Answer{};
  }
  Budget budget(limits);
  BOTHY_TRY(budget.spend(Resource::kDownload, manifest.value().config.size));
  for (const Descriptor& layer : manifest.value().layers) {
    BOTHY_TRY(budget.spend(Resource::kDownload, layer.size));
  }
  return Answer{Answer::Kind::kManifest, {}, budget.spent(Resource::kDownload)};
}

// The answer may be hostile: a confined child parses it.
Result<Answer> examine(const std::string& text, const Platform& platform, const Limits& limits) {
  ConfinedWork work;
  work.failure = "the registry's answer couldn't be read";
  work.limits = limits;
  work.run = [&](ParentLink&) -> Result<std::string> {
    BOTHY_TRY(const Answer answer, parse_answer(text, platform, limits));
    WireWriter result;
    result.number(static_cast<std::uint64_t>(answer.kind));
    result.digest(answer.chosen);
    result.number(answer.bytes);
    return result.take();
  };
  BOTHY_TRY(const std::string result, run_confined(work));
  WireReader reader(result);
  Answer answer;
  BOTHY_TRY(const std::uint64_t kind, reader.number());
  if (kind > static_cast<std::uint64_t>(Answer::Kind::kManifest)) {
    return make_error(ErrorCode::kBadInput, "the unpacking process has sent an invalid answer");
  }
  answer.kind = static_cast<Answer::Kind>(kind);
  BOTHY_TRY(answer.chosen, reader.digest());
  BOTHY_TRY(answer.bytes, reader.number());
  return answer;
}

class Pull {
 public:
  Pull(std::string reference, Source source, const ImportOptions& options, Clock& clock,
       std::string scratch)
      : reference_(std::move(reference)),
        source_(std::move(source)),
        options_(options),
        clock_(clock),
        scratch_(std::move(scratch)),
        platform_(options.platform.value_or(Platform::host())),
        skopeo_(platform_),
        budget_(options.limits) {}

  [[nodiscard]] std::string layout() const { return scratch_ + "/pulled"; }

  Result<void> run() {
    if (!source_.repository.empty()) {
      BOTHY_TRY(check_sizes());
    }
    return copy();
  }

 private:
  // Asks the registry for the manifest, before any layer: it tells a registry that can't be reached
  // and an image that is too large early. Then the copy is of that manifest, whatever the tag means
  // by then.
  Result<void> check_sizes() {
    std::string reference = source_.transport;
    for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
      BOTHY_TRY(const std::string text,
                skopeo_.manifest(reference, scratch_, options_.registry_timeout));
      BOTHY_TRY(const Answer answer, examine(text, platform_, options_.limits));
      if (answer.kind == Answer::Kind::kIndex) {
        reference = source_.repository + "@" + answer.chosen.text();
        continue;
      }
      if (answer.kind == Answer::Kind::kOther) {
        return success();  // one of an older kind, which skopeo converts
      }
      BOTHY_TRY(budget_.spend(Resource::kDownload, answer.bytes));
      expected_ = budget_.spent(Resource::kDownload);
      source_.transport = source_.repository + "@" + digest_of(text).text();
      return success();
    }
    return make_error(ErrorCode::kBadInput, "the image's indexes are nested too deeply");
  }

  // The manifest may lie about sizes: what is written is watched too.
  Result<void> copy() {
    const std::uint64_t limit = options_.limits.download_bytes;
    // A file that is larger by a byte shows that the limit was exceeded.
    const std::uint64_t max_file =
        std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max() - 1) + 1;
    bool stalled = false;
    progressed_at_ = clock_.now();
    auto copied = skopeo_.copy(source_.transport, layout(), scratch_, max_file, [&] {
      count_bytes();
      stalled = !source_.repository.empty() && clock_.now() - progressed_at_ >= kStallTimeout;
      return done_ <= limit && !stalled;
    });
    count_bytes();
    if (done_ > limit) {
      return limit_error(Resource::kDownload, limit);
    }
    if (!copied && stalled) {
      return stall_error(source_.transport, kStallTimeout);
    }
    return copied;
  }

  // How much skopeo has written by now.
  void count_bytes() {
    const std::uint64_t done = bytes_in(layout());
    if (std::exchange(done_, done) != done) {
      progressed_at_ = clock_.now();
    }
    if (options_.progress) {
      options_.progress("pulling " + printable(reference_), done, expected_);
    }
  }

  static constexpr int kMaxIndexDepth = 4;

  const std::string reference_;  // as the user wrote it
  Source source_;
  const ImportOptions& options_;
  Clock& clock_;
  const std::string scratch_;
  const Platform platform_;
  const Skopeo skopeo_;
  Budget budget_;
  std::uint64_t expected_ = 0;  // bytes to download; 0: unknown
  std::uint64_t done_ = 0;      // bytes written
  Clock::TimePoint progressed_at_;
};

}  // namespace

Result<std::vector<Image>> pull_image(const Store& store, const std::string& reference,
                                      const ImportOptions& options, Clock& clock) {
  BOTHY_TRY(Source source, source_of(reference));
  BOTHY_TRY(const Addition room, store.begin());
  ImportOptions local = options;
  local.name = options.name.empty() ? source.name : options.name;
  Pull pull(reference, std::move(source), options, clock, room.stage.path());
  if (auto pulled = pull.run(); !pulled) {
    return Error{pulled.error().code,
                 "can't pull '" + printable(reference) + "': " + pulled.error().context};
  }
  return import_image(store, pull.layout(), local);
}

}  // namespace bothy::image

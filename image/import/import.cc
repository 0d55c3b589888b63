#include "image/import/import.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "image/bytes/byte_source.h"
#include "image/bytes/unpack_source.h"
#include "image/confined/child.h"
#include "image/import/disk_magic.h"
#include "image/import/importers.h"
#include "image/import/intake.h"
#include "image/store/media_type.h"
#include "image/store/reference.h"
#include "image/tar/reader.h"

namespace bothy::image {
namespace {

constexpr std::size_t kMaxArchiveFiles = 1U << 16U;

// "./a/b/" -> "a/b".
std::string clean(std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return std::string(path == "." ? "" : path);
}

// Joins a link's target to the directory of the link's own path, ".." resolved.
std::string resolve_link(const std::string& path, const std::string& target) {
  std::vector<std::string> parts;
  const std::size_t slash = path.rfind('/');
  const std::string joined = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + target;
  for (std::size_t start = 0; start <= joined.size();) {
    const std::size_t end = std::min(joined.find('/', start), joined.size());
    std::string part = joined.substr(start, end - start);
    start = end + 1;
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.push_back(std::move(part));
    }
  }
  std::string result;
  for (const std::string& part : parts) {
    result += (result.empty() ? "" : "/") + part;
  }
  return result;
}

// Whether the first entry of an archive shows that it holds images, and not a root file system.
bool names_images(std::string_view path) {
  const std::string_view first = path.substr(0, path.find('/'));
  const std::string_view digits = first.substr(0, 64);
  const bool has_digest =
      digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  return has_digest || first == "blobs" || first == "index.json" || first == "oci-layout" ||
         first == "manifest.json" || first == "repositories";
}

bool holds_images(Bytes head) {
  MemorySource source(head);
  TarReader tar(source);
  while (true) {
    const auto entry = tar.next();
    if (!entry || entry.value() == nullptr) {
      return false;
    }
    if (const std::string path = clean(entry.value()->path); !path.empty()) {
      return names_images(path);
    }
  }
}

bool is_tar(Bytes head) {
  TarBlock block;
  if (head.size() < block.size()) {
    return false;
  }
  std::copy_n(reinterpret_cast<const char*>(head.data()), block.size(), block.begin());
  return !is_zero(block) && parse_tar_header(block).has_value();
}

Result<Descriptor> stage_entry(const ImportJob& job, TarReader& tar, const TarEntry& entry,
                               std::string* text) {
  // Holes are hashed as zeros: their bytes are counted before that is done.
  BOTHY_TRY(job.budget.spend(Resource::kContent, entry.size));
  std::uint64_t size = 0;
  while (true) {
    BOTHY_TRY(const TarData part, tar.data());
    if (part.offset > size) {
      BOTHY_TRY(job.intake.write_zeros(part.offset - size));
      size = part.offset;
    }
    if (part.bytes.empty()) {
      break;
    }
    BOTHY_TRY(job.intake.write(part.bytes));
    size += part.bytes.size();
    if (text != nullptr) {
      text->append(reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size());
      if (text->size() > kMaxDocumentSize) {
        return make_error(ErrorCode::kBadInput, "the document exceeds {} bytes", kMaxDocumentSize);
      }
    }
  }
  return job.intake.keep("");
}

Result<ArchiveContents> stage_archive(const ImportJob& job, ByteSource& archive) {
  ArchiveContents contents;
  CountingSource counted(archive, job.budget, Resource::kArchive);
  TarReader tar(counted);
  for (std::size_t count = 0;; ++count) {
    BOTHY_TRY(const TarEntry* entry, tar.next());
    if (entry == nullptr) {
      return contents;
    }
    if (count == kMaxArchiveFiles) {
      return make_error(ErrorCode::kBadInput, "the archive has more than {} files",
                        kMaxArchiveFiles);
    }
    const std::string path = clean(entry->path);
    BOTHY_TRY(job.budget.spend(Resource::kMetadata,
                               entry->header_bytes + entry->path.size() + entry->link.size()));
    if (entry->hard_link) {
      contents.links[path] = clean(entry->link);
    } else if (entry->type == FileType::kSymlink) {
      contents.links[path] = resolve_link(path, entry->link);
    } else if (entry->type == FileType::kRegular) {
      const bool document = path == "index.json" || path == "manifest.json" || path == "oci-layout";
      std::string text;
      auto file = stage_entry(job, tar, *entry, document ? &text : nullptr);
      if (!file) {
        return Error{file.error().code, "entry '" + printable(path) + "': " + file.error().context};
      }
      contents.files[path] = std::move(file).value();
      if (document) {
        contents.documents[path] = std::move(text);
      }
    }
  }
}

Result<std::vector<NewImage>> import_archive(const ImportJob& job, ByteSource& archive) {
  BOTHY_TRY(const ArchiveContents contents, stage_archive(job, archive));
  // Docker's archives since 25.0 are both; the OCI layout has more information.
  if (contents.documents.contains("index.json")) {
    return import_oci_archive(job, contents);
  }
  if (contents.documents.contains("manifest.json")) {
    return import_docker_archive(job, contents);
  }
  if (contents.files.contains("repositories")) {
    return make_error(
        ErrorCode::kUnsupported,
        "the archive is from a Docker before 1.10: load and save it with a later one");
  }
  return make_error(ErrorCode::kBadInput,
                    "the archive has no index.json and no manifest.json: it is truncated, or "
                    "not an image");
}

Error no_image(const ImportJob& job) {
  return make_error(
      ErrorCode::kBadInput,
      "not an image: expected an OCI layout, an archive of 'docker save', a root file "
      "system (directory or tar), or a raw disk with a file system{}",
      job.source == "-" ? "" : " or partitions");
}

Result<std::vector<NewImage>> import_stream(const ImportJob& job, ByteSource& stream) {
  PeekSource whole(stream);
  BOTHY_TRY(const Bytes head, whole.peek(kDiskHead));
  if (head.empty()) {
    return make_error(ErrorCode::kBadInput, "the file is empty");
  }
  BOTHY_TRY(const auto content, PlainSource::open(whole));
  PeekSource plain(*content);
  BOTHY_TRY(const Bytes start, plain.peek(kDiskHead));
  if (is_tar(start)) {
    return holds_images(start) ? import_archive(job, plain) : import_rootfs_archive(job, plain);
  }
  const auto disk = detect_disk(start);
  if (!disk) {
    return no_image(job);
  }
  if (!disk->raw) {
    return make_error(
        ErrorCode::kUnsupported,
        "{} disks are not supported: convert it with 'qemu-img convert -f {} -O raw {} "
        "disk.raw'",
        disk->name, disk->name, job.source == "-" ? "FILE" : job.source);
  }
  if (content->is_compressed()) {
    return make_error(ErrorCode::kUnsupported,
                      "compressed disks are not supported: decompress it first");
  }
  return import_disk(job, plain);
}

// An opened source. What it holds is for the child to find out.
struct Source {
  enum class Kind { kStream, kLayout, kTree };
  Kind kind = Kind::kStream;
  UniqueFd fd;  // of a layout: its index.json
  std::uint64_t size = 0;
};

Result<UniqueFd> open_source(const std::string& path) {
  if (path != "-") {
    return open_file(path, O_RDONLY);
  }
  UniqueFd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  return fd ? Result<UniqueFd>(std::move(fd)) : errno_error("can't read stdin");
}

Result<Source> find_source(const std::string& path) {
  Source source;
  BOTHY_TRY(source.fd, open_source(path));
  struct stat status {};
  if (::fstat(source.fd.get(), &status) != 0) {
    return errno_error("can't read the file's status");
  }
  source.size = static_cast<std::uint64_t>(status.st_size);
  if (S_ISDIR(status.st_mode)) {
    if (!exists(path + "/oci-layout") && !exists(path + "/index.json")) {
      source.kind = Source::Kind::kTree;
      return source;
    }
    source.kind = Source::Kind::kLayout;
    BOTHY_TRY(source.fd, open_regular(path + "/index.json"));
    return source;
  }
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) {
    return make_error(ErrorCode::kInvalid, "not a file, pipe or directory");
  }
  return source;
}

// In the child.
Result<std::vector<NewImage>> import_source(const ImportJob& job, const Source& source) {
  if (source.kind == Source::Kind::kTree) {
    return import_rootfs_directory(job);
  }
  FileSource file(UniqueFd(kFirstConfinedFd), job.source);
  if (source.kind == Source::Kind::kLayout) {
    return import_oci_directory(job, file);
  }
  ReportingSource reporting(file, job.options.progress, "reading " + job.source, source.size);
  return import_stream(job, reporting);
}

// A tree's files are the user's, with owners and attributes that only root may read.
void confine_to(const Source& source, const std::string& path, ConfinedWork& work) {
  if (source.kind == Source::Kind::kTree) {
    work.files = ConfinedFiles::kReadTree;
    work.directory = path;
    work.capabilities =
        1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_SYS_ADMIN;
  } else {
    work.descriptors[kFirstConfinedFd] = source.fd.get();
  }
}

Result<std::vector<NewImage>> import_confined(const Store& store, Stage& stage,
                                              const std::string& path,
                                              const ImportOptions& options) {
  BOTHY_TRY(const Source source, find_source(path));
  StageIntake intake(store, stage, options, source.kind == Source::Kind::kLayout ? path : "");
  IntakeServer server(intake);
  ConfinedWork work;
  work.failure = "the image's files couldn't be unpacked";
  work.limits = options.limits;
  confine_to(source, path, work);
  const Platform platform = options.platform ? *options.platform : Platform::host();
  work.run = [&](ParentLink& link) -> Result<std::string> {
    ImportOptions own = options;
    own.progress = progress_on(link);
    own.platform = platform;
    LinkIntake sent(link);
    Budget budget(options.limits);
    BOTHY_TRY(const auto images, import_source(ImportJob{sent, own, budget, path}, source));
    return pack_images(images);
  };
  work.serve = [&](std::uint32_t type, std::string_view content) {
    return server.serve(type, content);
  };
  work.first_request = IntakeServer::kFirstRequest;
  work.progress = options.progress;
  BOTHY_TRY(const std::string answer, run_confined(work));
  return unpack_images(answer);
}

}  // namespace

Result<std::size_t> ReportingSource::read(std::span<std::byte> into) {
  BOTHY_TRY(const std::size_t count, source_.read(into));
  done_ += count;
  if (progress_) {
    progress_(what_, done_, all_);
  }
  return count;
}

const Descriptor* ArchiveContents::find(const std::string& path) const {
  std::string at = clean(path);
  for (int links_followed = 0; links_followed < 8; ++links_followed) {
    if (const auto file = files.find(at); file != files.end()) {
      return &file->second;
    }
    const auto link = links.find(at);
    if (link == links.end()) {
      return nullptr;
    }
    at = link->second;
  }
  return nullptr;
}

Result<std::string> ImportJob::name_for(const std::string& given) const {
  if (options.anonymous) {
    return std::string();
  }
  if (!options.name.empty()) {
    BOTHY_TRY(const Reference reference, Reference::parse(options.name));
    return reference.full();
  }
  const bool is_name = given.find_first_of("/:") != std::string::npos;
  const std::string base = source == "-" ? std::string() : name_from_path(source);
  const std::string text = is_name || base.empty() ? given
                           : given.empty()         ? base
                                                   : base + ":" + given;
  const auto reference = Reference::parse(text);
  return reference ? reference.value().full() : std::string();
}

Result<NewImage> ImportJob::single_layer(const Descriptor& layer, const Digest& diff_id) const {
  ImageConfig config;
  config.platform = *options.platform;
  config.diff_ids = {diff_id};
  Manifest manifest;
  manifest.layers = {layer};
  BOTHY_TRY(manifest.config, intake.keep_text(config.json(), kConfigType));
  NewImage image;
  BOTHY_TRY(image.manifest, intake.keep_text(manifest.json(), kManifestType));
  image.manifest.platform = config.platform;
  BOTHY_TRY(const std::string name, name_for(""));
  if (!name.empty()) {
    image.names.push_back(name);
  }
  return image;
}

Result<std::vector<Image>> import_image(const Store& store, const std::string& source,
                                        const ImportOptions& options) {
  if (!options.name.empty()) {
    BOTHY_TRY(const Reference reference, Reference::parse(options.name));
    if (reference.digest) {
      return make_error(ErrorCode::kInvalid, "invalid --name '{}': a name can't contain a digest",
                        printable(options.name));
    }
  }
  BOTHY_TRY(Addition addition, store.begin());
  const std::string shown = source == "-" ? "stdin" : printable(source);
  const auto in_context = [&](const Error& error) {
    return Error{error.code, "can't import '" + shown + "': " + error.context};
  };
  auto images = import_confined(store, addition.stage, source, options);
  if (!images) {
    return in_context(images.error());
  }
  if (auto published = store.publish(addition, images.value()); !published) {
    return in_context(published.error());
  }
  std::vector<Image> result;
  for (NewImage& image : images.value()) {
    result.push_back({std::move(image.manifest), std::move(image.names)});
  }
  return result;
}

}  // namespace bothy::image

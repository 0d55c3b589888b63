#include "cli/image/command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/image/report.h"
#include "cli/json_text.h"
#include "cli/progress_line.h"
#include "image/import/disk_builder.h"
#include "image/import/import.h"
#include "image/import/pull.h"
#include "image/store/reference.h"

namespace bothy {
namespace {

struct Request {
  std::string store;
  std::string subject;                // an image, or what to import
  std::vector<std::string> subjects;  // of rm
  std::string name;
  std::string only;
  std::string platform;
  std::string max_size;
  std::string max_metadata;
  std::uint64_t max_inodes = 0;
  std::string timeout;
  std::string out;
  bool json = false;
  bool force = false;
};

Result<std::uint64_t> parse_limit(std::string_view flag, const std::string& text) {
  const auto size = parse_size(text);
  if (!size || size.value() == 0) {
    return make_error(ErrorCode::kInvalid, "invalid {} '{}': expected a size such as 64G", flag,
                      text);
  }
  return size.value();
}

Result<image::Limits> limits_of(const Request& request) {
  image::Limits limits;
  if (!request.max_size.empty()) {
    BOTHY_TRY(const std::uint64_t size, parse_limit("--max-size", request.max_size));
    limits.set_size(size);
  }
  if (!request.max_metadata.empty()) {
    BOTHY_TRY(limits.metadata_bytes, parse_limit("--max-metadata", request.max_metadata));
  }
  if (request.max_inodes > 0) {
    limits.set_inodes(request.max_inodes);
  }
  return limits;
}

image::Progress progress_on(ProgressLine& line) {
  return [&line](std::string_view what, std::uint64_t done, std::uint64_t all) {
    line.update(what, done, all);
  };
}

Result<ListedImage> listed(const image::Store& store, const image::Image& image) {
  ListedImage each{image, {}, false};
  BOTHY_TRY(each.details, store.details(image));
  each.has_disk = ::access(store.disk_path(image.manifest.digest).c_str(), F_OK) == 0;
  return each;
}

// import and pull.
Result<void> bring(const Request& request, bool pull) {
  BOTHY_TRY(const image::Store store, image::Store::locate(request.store));
  image::ImportOptions options;
  options.name = request.name;
  options.only = request.only;
  BOTHY_TRY(options.limits, limits_of(request));
  if (!request.timeout.empty()) {
    BOTHY_TRY(options.registry_timeout, parse_duration(request.timeout));
  }
  if (!request.platform.empty()) {
    BOTHY_TRY(options.platform, image::Platform::parse(request.platform));
  }
  std::vector<image::Image> images;
  {
    ProgressLine line;
    options.progress = progress_on(line);
    BOTHY_TRY(images, pull ? image::pull_image(store, request.subject, options)
                           : image::import_image(store, request.subject, options));
  }
  for (const image::Image& image : images) {
    const std::string digest = image.manifest.digest.text();
    write_result(image.names.empty() ? digest : image.title() + " " + digest);
  }
  return success();
}

Result<void> list(const Request& request) {
  BOTHY_TRY(const image::Store store, image::Store::locate(request.store));
  BOTHY_TRY(const auto images, store.list());
  std::vector<ListedImage> shown;
  for (const image::Image& image : images) {
    auto each = listed(store, image);
    if (!each) {
      // One that is damaged, or was removed this moment, hides no other.
      log(LogLevel::kWarning, "{}: {}", image.title(), each.error().context);
      continue;
    }
    shown.push_back(std::move(each).value());
  }
  write_result(request.json ? pretty_json(list_json(shown)) : list_text(shown));
  return success();
}

Result<void> inspect(const Request& request) {
  BOTHY_TRY(const image::Store store, image::Store::locate(request.store));
  BOTHY_TRY(const image::Image image, store.find(request.subject));
  BOTHY_TRY(const ListedImage each, listed(store, image));
  const std::string disk = store.disk_path(image.manifest.digest);
  write_result(request.json ? pretty_json(inspect_json(each, disk)) : inspect_text(each, disk));
  return success();
}

void report_removed(const image::Removed& removed) {
  for (const std::string& name : removed.names) {
    const auto reference = image::Reference::parse(name);
    write_result("untagged " + (reference ? reference.value().familiar() : name));
  }
  for (const image::Digest& digest : removed.images) {
    write_result("deleted " + digest.text());
  }
}

Result<void> remove(const Request& request) {
  BOTHY_TRY(const image::Store store, image::Store::locate(request.store));
  for (const std::string& subject : request.subjects) {
    BOTHY_TRY(const image::Removed removed, store.remove(subject, request.force));
    report_removed(removed);
  }
  return success();
}

Result<void> prune(const Request& request) {
  BOTHY_TRY(const image::Store store, image::Store::locate(request.store));
  BOTHY_TRY(const image::Removed removed, store.prune());
  report_removed(removed);
  write_result("freed " + format_bytes(removed.bytes));
  return success();
}

Result<void> build_disk(const Request& request) {
  BOTHY_TRY(const image::Store store, image::Store::locate(request.store));
  BOTHY_TRY(const image::Image image, store.find(request.subject));
  BOTHY_TRY(const image::Limits limits, limits_of(request));
  ProgressLine line;
  BOTHY_TRY(const image::Disk disk, image::ensure_disk(store, image, limits, progress_on(line)));
  if (!request.out.empty()) {
    BOTHY_TRY(image::copy_disk(disk, request.out));
  }
  write_result(request.out.empty() ? disk.path : request.out);
  return success();
}

class Commands {
 public:
  Commands(CLI::App& app, int& status) : status_(status) {
    image_ = app.add_subcommand("image", "The images that there are: import, pull, list, remove");
    image_->require_subcommand(1);
  }

  CLI::App* add(const std::string& name, const std::string& says,
                Result<void> (*action)(const Request&)) {
    CLI::App* command = image_->add_subcommand(name, says);
    command->add_option("--store", request_->store,
                        "The directory that images are in (or BOTHY_STORE)");
    command->callback([request = request_, &status = status_, action] {
      const auto done = action(*request);
      status = exit_status::kSuccess;
      if (!done) {
        log_line(LogLevel::kError, done.error().context);
        status = exit_status::kOwnFailure;
      }
    });
    return command;
  }

  void add_import() {
    CLI::App* command = add("import", "Bring in an image from a file, a directory or stdin",
                            [](const Request& request) { return bring(request, false); });
    command
        ->add_option("SOURCE", request_->subject,
                     "An OCI layout, docker save's tar, a root file system, a raw disk; - is stdin")
        ->required();
    command->add_option("--only", request_->only, "Of several images in SOURCE, the one so named");
    add_bringing(command);
    add_limit(command);
  }

  void add_pull() {
    CLI::App* command = add("pull", "Bring in an image from a registry, by skopeo",
                            [](const Request& request) { return bring(request, true); });
    command->add_option("IMAGE", request_->subject, "Its name, such as debian:12")->required();
    add_bringing(command);
    add_limit(command);
    command->add_option("--timeout", request_->timeout,
                        "How long the registry may take to answer (default: 10s)");
  }

  void add_rest() {
    add_json(add("ls", "List the images", &list));
    CLI::App* command = add("inspect", "Say all about one image", &inspect);
    add_image(command);
    add_json(command);
    command = add("rm", "Remove images, or names of theirs", &remove);
    command->add_option("IMAGE", request_->subjects, "Names, or starts of digests")->required();
    command->add_flag("--force,-f", request_->force, "Even if something runs from it");
    add("prune", "Remove images without a name, and what no image needs", &prune);
    command = add("build-disk", "Make the disk that machines run an image from", &build_disk);
    add_image(command);
    command->add_option("--out,-o", request_->out, "Also copy it to this file");
    add_limit(command);
  }

 private:
  void add_image(CLI::App* command) {
    command->add_option("IMAGE", request_->subject, "Its name, or the start of its digest")
        ->required();
  }
  void add_json(CLI::App* command) {
    command->add_flag("--json", request_->json, "Print JSON on stdout");
  }
  void add_bringing(CLI::App* command) {
    command->add_option("--name", request_->name, "What to call it, NAME[:TAG]");
    command->add_option("--platform", request_->platform,
                        "Of an image for several, the one for OS/ARCH[/VARIANT]");
  }
  void add_limit(CLI::App* command) {
    command->add_option("--max-size", request_->max_size,
                        "Refuse an image with more bytes to unpack or download (default: 64G)");
    command->add_option("--max-inodes", request_->max_inodes,
                        "Refuse an image with more files and directories (default: 1048576)");
    command->add_option("--max-metadata", request_->max_metadata,
                        "Refuse an image with more bytes of names, link targets and extended "
                        "attributes (default: 128M)");
  }

  CLI::App* image_ = nullptr;
  int& status_;
  std::shared_ptr<Request> request_ = std::make_shared<Request>();
};

}  // namespace

void add_image_command(CLI::App& app, int& exit_status) {
  Commands commands(app, exit_status);
  commands.add_import();
  commands.add_pull();
  commands.add_rest();
}

}  // namespace bothy

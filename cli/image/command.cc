#include "cli/image/command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/help.h"
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
  std::string subject;                // IMAGE or SOURCE
  std::vector<std::string> subjects;  // IMAGE... of rm
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
    return make_error(ErrorCode::kInvalid, "invalid {} '{}': expected a size, such as 64G", flag,
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

// The actions of import and pull.
Result<void> import_or_pull(const Request& request, bool pull) {
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
      // A damaged image, or one removed just now, must not hide the others.
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
    image_ = app.add_subcommand("image", "Manage images: import, pull, list, inspect, remove");
    image_->require_subcommand(1);
  }

  void add_import() {
    CLI::App* command = add("import", "Import an image from a file, a directory or stdin",
                            [](const Request& request) { return import_or_pull(request, false); });
    command
        ->add_option("SOURCE", request_->subject,
                     "OCI layout, archive of 'docker save', root file system or raw disk; '-' is "
                     "stdin")
        ->required();
    add_naming(*command);
    add_value(*command, "--only", request_->only, "NAME",
              "Import one image by its name, when SOURCE holds several");
    add_limits(*command);
    set_examples(*command,
                 {"bothy image import busybox.tar", "bothy image import rootfs/ --name mine:1",
                  "curl -L https://example.org/rootfs.tar.xz | bothy image import - "
                  "--name rootfs"});
  }

  void add_pull() {
    CLI::App* command = add("pull", "Import an image from a registry",
                            [](const Request& request) { return import_or_pull(request, true); });
    command
        ->add_option("IMAGE", request_->subject,
                     "Image name, or a source with a transport of skopeo's, such as "
                     "docker-daemon:NAME:TAG")
        ->required();
    add_naming(*command);
    add_value(*command, "--timeout", request_->timeout, "DURATION",
              "Time for the registry to send the manifest")
        ->default_str("5s");
    add_limits(*command);
    set_examples(*command, {"bothy image pull debian:12",
                            "bothy image pull ghcr.io/example/tool:1 --platform linux/arm64"});
  }

  void add_rest() {
    CLI::App* command = add("ls", "List images", &list);
    add_json(*command);
    set_examples(*command, {"bothy image ls --json"});

    command = add("inspect", "Show the configuration and the layers of an image", &inspect);
    add_image(*command);
    add_json(*command);
    set_examples(*command, {"bothy image inspect debian:12"});

    command = add("rm", "Remove images, or names of images", &remove);
    command
        ->add_option("IMAGE", request_->subjects,
                     "Image name, or the first digits of the digest for the image with all names")
        ->required();
    command->add_flag("-f,--force", request_->force, "Remove images that instances use, too");
    set_examples(*command, {"bothy image rm debian:12 busybox"});

    command = add("prune", "Remove images without a name, and unused content", &prune);
    set_examples(*command, {"bothy image prune"});

    command = add("build-disk", "Build the disk of an image, and print its path", &build_disk);
    add_image(*command);
    add_value(*command, "-o,--out", request_->out, "FILE", "Copy the disk to FILE");
    add_limits(*command);
    set_examples(*command, {"bothy image build-disk debian:12 --out debian.erofs"});
  }

 private:
  CLI::App* add(const std::string& name, const std::string& description,
                Result<void> (*action)(const Request&)) {
    CLI::App* command = image_->add_subcommand(name, description);
    add_value(*command, "--store", request_->store, "DIR", "Directory of images [$BOTHY_STORE]");
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
  void add_image(CLI::App& command) {
    command
        .add_option("IMAGE", request_->subject,
                    "Image name, or four or more of the first digits of the digest")
        ->required();
  }
  void add_json(CLI::App& command) { command.add_flag("--json", request_->json, "Print JSON"); }
  void add_naming(CLI::App& command) {
    add_value(command, "--name", request_->name, "NAME[:TAG]",
              "Name of the image, instead of that of the source");
    add_value(command, "--platform", request_->platform, "OS/ARCH[/VARIANT]",
              "Platform to choose from an image for several")
        ->default_str("this host's");
  }
  void add_limits(CLI::App& command) {
    command.option_defaults()->group("Limits");
    add_value(command, "--max-size", request_->max_size, "SIZE",
              "Bytes of files, of unpacked archives and to download")
        ->default_str("64G");
    command
        .add_option("--max-inodes", request_->max_inodes,
                    "Files and directories, and entries of archives")
        ->type_name("N")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 31U).description(""))
        ->default_str("1048576");
    add_value(command, "--max-metadata", request_->max_metadata, "SIZE",
              "Bytes of names, link targets, extended attributes and headers")
        ->default_str("128M");
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

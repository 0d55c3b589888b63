#include "cli/instances/copy_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/progress_line.h"
#include "image/bytes/unpack_source.h"
#include "image/tar/reader.h"
#include "image/tar/tree_archive.h"
#include "image/tar/tree_unpack.h"
#include "run/copy.h"
#include "run/copy_plan.h"
#include "run/instances.h"

namespace bothy {
namespace {

namespace fs = std::filesystem;

struct CopyFlags {
  std::string source;
  std::string destination;
  bool follow = false;
  bool owners = false;
  bool quiet = false;
};

image::Progress progress_to(ProgressLine& line, const CopyFlags& flags) {
  return
      [&line, quiet = flags.quiet](std::string_view what, std::uint64_t done, std::uint64_t all) {
        if (!quiet) {
          line.update(what, done, all);
        }
      };
}

// Reports how much of an archive has been read.
class CountedSource final : public image::ByteSource {
 public:
  CountedSource(image::ByteSource& source, image::Progress progress)
      : source_(source), progress_(std::move(progress)) {}
  Result<std::size_t> read(std::span<std::byte> into) override {
    BOTHY_TRY(const std::size_t got, source_.read(into));
    count_ += got;
    progress_("copying", count_, 0);
    return got;
  }

 private:
  image::ByteSource& source_;
  const image::Progress progress_;
  std::uint64_t count_ = 0;
};

// stdin, which may be compressed, as it is.
Result<void> send_stdin(const run::ArchiveSink& sink, const image::Progress& progress) {
  UniqueFd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!fd) {
    return errno_error("can't read stdin");
  }
  image::FileSource file(std::move(fd), "stdin");
  BOTHY_TRY(const auto plain, image::PlainSource::open(file));
  CountedSource counted(*plain, progress);
  std::vector<std::byte> piece(1U << 16U);
  for (;;) {
    BOTHY_TRY(const std::size_t got, counted.read(piece));
    if (got == 0) {
      return success();
    }
    BOTHY_TRY(sink(image::Bytes(piece).first(got)));
  }
}

Result<void> copy_in(const CopyFlags& flags, const run::CopyEnd& source,
                     const run::CopyEnd& destination, const run::Instance& instance) {
  ProgressLine line;
  const image::Progress progress = progress_to(line, flags);
  BOTHY_TRY(const auto seen, run::look_at_instance(instance, destination.path));
  if (source.is_stream()) {
    if (!seen || !seen->directory) {
      return make_error(ErrorCode::kNotFound, "the directory '{}' doesn't exist",
                        printable(destination.path));
    }
    return run::copy_into_instance(instance, seen->path, [&](const run::ArchiveSink& sink) {
      return send_stdin(sink, progress);
    });
  }
  std::error_code error;
  const fs::file_status status =
      flags.follow ? fs::status(source.path, error) : fs::symlink_status(source.path, error);
  if (!fs::exists(status)) {
    return make_error(ErrorCode::kNotFound, "there is no '{}' on the host", printable(source.path));
  }
  const run::Found found = !seen             ? run::Found::kNothing
                           : seen->directory ? run::Found::kDirectory
                                             : run::Found::kOther;
  BOTHY_TRY(const run::CopyTarget target,
            run::plan_copy(source.path, fs::is_directory(status),
                           seen ? seen->path : destination.path, found));
  image::ArchiveForm form;
  form.name = target.name;
  form.follow = flags.follow;
  form.as_root = !flags.owners;
  return run::copy_into_instance(instance, target.directory, [&](const run::ArchiveSink& sink) {
    return image::archive_path(source.path, form, progress, sink);
  });
}

Result<void> write_archive(run::InstanceArchive& archive, const image::Progress& progress) {
  // An untrusted archive could hold control sequences.
  if (::isatty(STDOUT_FILENO) == 1) {
    return make_error(ErrorCode::kInvalid, "can't write an archive to a terminal: redirect stdout");
  }
  CountedSource counted(archive, progress);
  std::vector<std::byte> piece(1U << 16U);
  for (;;) {
    BOTHY_TRY(const std::size_t got, counted.read(piece));
    if (got == 0) {
      return success();
    }
    BOTHY_TRY(write_all(STDOUT_FILENO, image::Bytes(piece).first(got), "stdout"));
  }
}

Result<void> unpack(run::InstanceArchive& archive, const CopyFlags& flags,
                    const std::string& source, const std::string& destination,
                    const image::Progress& progress) {
  CountedSource counted(archive, progress);
  image::TarReader reader(counted);
  BOTHY_TRY(const image::TarEntry* first, reader.next());
  if (first == nullptr) {
    BOTHY_TRY(archive.finish());
    return make_error(ErrorCode::kBadInput, "the instance sent an empty archive");
  }
  std::error_code error;
  const fs::path there = fs::canonical(destination, error);
  const run::Found found = error                     ? run::Found::kNothing
                           : fs::is_directory(there) ? run::Found::kDirectory
                                                     : run::Found::kOther;
  BOTHY_TRY(const run::CopyTarget target,
            run::plan_copy(source, first->type == image::FileType::kDirectory,
                           error ? destination : there.string(), found));
  BOTHY_TRY(const UniqueFd directory, open_file(target.directory, O_PATH | O_DIRECTORY));
  image::UnpackForm form;
  form.name = target.name;
  form.owners = flags.owners;
  BOTHY_TRY(image::unpack_tree(reader, *first, directory.get(), form));
  return archive.finish();
}

Result<void> copy_out(const CopyFlags& flags, const run::CopyEnd& source,
                      const run::CopyEnd& destination, const run::Instance& instance) {
  ProgressLine line;
  const image::Progress progress = progress_to(line, flags);
  std::string path = source.path;
  if (flags.follow) {
    BOTHY_TRY(const auto seen, run::look_at_instance(instance, path));
    if (!seen) {
      return make_error(ErrorCode::kNotFound, "'{}' doesn't exist in the instance",
                        printable(path));
    }
    path = seen->path;
  }
  BOTHY_TRY(const auto archive, run::InstanceArchive::open(instance, path));
  return destination.is_stream() ? write_archive(*archive, progress)
                                 : unpack(*archive, flags, source.path, destination.path, progress);
}

Result<void> copy(const CopyFlags& flags) {
  BOTHY_TRY(const run::CopyEnd source, run::parse_copy_end(flags.source));
  BOTHY_TRY(const run::CopyEnd destination, run::parse_copy_end(flags.destination));
  if (source.instance.empty() == destination.instance.empty()) {
    return make_error(
        ErrorCode::kInvalid, "{}",
        source.instance.empty()
            ? "missing INSTANCE:PATH: one of SOURCE and DESTINATION must be in an instance"
            : "can't copy between two instances: one of SOURCE and DESTINATION must be on the "
              "host");
  }
  const bool into = source.instance.empty();
  const std::string& name = into ? destination.instance : source.instance;
  BOTHY_TRY(const run::Instances instances, run::Instances::locate());
  BOTHY_TRY(const run::Instance instance, instances.find(name));
  auto copied = into ? copy_in(flags, source, destination, instance)
                     : copy_out(flags, source, destination, instance);
  if (!copied) {
    return make_error(copied.error().code, "{}: {}", printable(name), copied.error().context);
  }
  return success();
}

}  // namespace

void add_copy_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("cp", "Copy files between an instance and the host");
  auto flags = std::make_shared<CopyFlags>();
  command
      ->add_option("SOURCE", flags->source,
                   "INSTANCE:PATH, PATH of the host, or - for a tar archive on stdin")
      ->required();
  command->add_option("DESTINATION", flags->destination, "The same; - for a tar archive on stdout")
      ->required();
  command->add_flag("-L,--follow-link", flags->follow,
                    "Copy the target of SOURCE when it is a symbolic link");
  command->add_flag("-a,--archive", flags->owners,
                    "Keep owners, set-user-ID and set-group-ID bits");
  command->add_flag("-q,--quiet", flags->quiet, "Show no progress");
  set_examples(
      *command, {"bothy cp index.html web:/www/", "bothy cp web:/etc - | tar -t"},
      "SOURCE is copied into an existing directory; DIR/. stands for the content of DIR.\n\n"
      "Exit status: 0, or 1 when not everything could be copied.");
  command->callback([flags, &status] {
    const auto copied = copy(*flags);
    status = copied ? exit_status::kSuccess : 1;
    if (!copied) {
      log_line(LogLevel::kError, copied.error().context);
    }
  });
}

}  // namespace bothy

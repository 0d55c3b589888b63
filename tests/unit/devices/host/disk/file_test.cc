#include "devices/host/disk/file.h"

#include <sys/stat.h>

#include "devices/host/disk/format.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/temporary_file.h"

namespace bothy {
namespace {

using test::TemporaryFile;
using std::string_literals::operator""s;

void check_refused(const DiskConfig& config, ErrorCode code, std::string_view words) {
  const auto file = DiskFile::open(config);
  REQUIRE(!file.has_value());
  INFO(file.error().context);
  CHECK(file.error().code == code);
  CHECK(file.error().context.find(words) != std::string::npos);
  CHECK(file.error().context.find(config.path) != std::string::npos);
}

struct Sample {
  std::string head;
  std::string format;
};

}  // namespace

TEST_CASE("Images that aren't raw are refused with the command that converts them") {
  const auto sample = GENERATE(values<Sample>({{"QFI\xfb\0\0\0\1"s, "qcow"},
                                               {"QFI\xfb\0\0\0\2"s, "qcow2"},
                                               {"QFI\xfb\0\0\0\3"s, "qcow2"},
                                               {"QED\0"s, "qed"},
                                               {"vhdxfile", "vhdx"},
                                               {"KDMV\1\0\0\0"s, "vmdk"},
                                               {"COWD", "vmdk"},
                                               {"# Disk DescriptorFile\nversion=1\n", "vmdk"},
                                               {"conectix", "vpc"},
                                               {std::string(64, '<') + "\x7f\x10\xda\xbe", "vdi"},
                                               {"WithoutFreeSpace", "parallels"}}));
  const TemporaryFile file(65536, sample.head);
  check_refused({.path = file.path()}, ErrorCode::kBadInput,
                "qemu-img convert -f " + sample.format + " -O raw " + file.path());
  CHECK(DiskFile::open({.path = file.path(), .read_only = true, .raw = true}).has_value());
}

TEST_CASE("A VHD of fixed size is recognised by its footer") {
  const TemporaryFile file(65536 + 512);
  const std::string cookie = "conectix";
  file.write(65536, std::as_bytes(std::span(cookie)));
  check_refused({.path = file.path()}, ErrorCode::kBadInput, "a VHD image");
}

TEST_CASE("Raw images of any length are accepted") {
  for (const std::string& head : {""s, "Q"s, "QFI"s, "\xeb\x58\x90mkfs.fat"s}) {
    const TemporaryFile file(head.size(), head);
    const auto disk = DiskFile::open({.path = file.path()});
    REQUIRE(disk.has_value());
    CHECK(disk.value().length().value() == head.size());
    CHECK(!disk.value().is_block_device());
    CHECK(disk.value().geometry().logical_block == 512);
  }
}

TEST_CASE("Other types of files are refused as disks") {
  check_refused({.path = "/nonexistent/disk"}, ErrorCode::kNotFound, "No such file");
  check_refused({.path = "/", .read_only = true}, ErrorCode::kInvalid,
                "neither a file nor a block device");
  check_refused({.path = "/dev/null"}, ErrorCode::kInvalid, "neither a file nor a block device");
  const test::TemporaryDirectory directory;
  const std::string fifo = directory / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  check_refused({.path = fifo, .read_only = true}, ErrorCode::kInvalid, "neither a file");
}

TEST_CASE("A writer excludes others, and readers share a disk") {
  const TemporaryFile file(4096);
  const DiskConfig writes{.path = file.path()};
  const DiskConfig reads{.path = file.path(), .read_only = true};
  {
    const auto writer = DiskFile::open(writes);
    REQUIRE(writer.has_value());
    check_refused(writes, ErrorCode::kBusy, "in use by another program");
    check_refused(reads, ErrorCode::kBusy, "which writes to it");
  }
  {
    const auto reader = DiskFile::open(reads);
    REQUIRE(reader.has_value());
    CHECK(DiskFile::open(reads).has_value());
    check_refused(writes, ErrorCode::kBusy, "in use by another program");
  }
  CHECK(DiskFile::open(writes).has_value());
}

TEST_CASE("A disk's id and queues are limited") {
  CHECK(validate(DiskConfig{.path = "a", .id = "twenty-characters-20"}).has_value());
  CHECK(!validate(DiskConfig{.path = "a", .id = "twenty-one-characters"}).has_value());
  CHECK(!validate(DiskConfig{.path = "a", .id = "a b"}).has_value());
  CHECK(!validate(DiskConfig{.path = "a", .queues = 0}).has_value());
  CHECK(!validate(DiskConfig{.path = "a", .queues = DiskConfig::kMaxQueues + 1}).has_value());
}

}  // namespace bothy

// What ACPICA's own compiler makes of our tables: no errors, and the same bytes when it compiles
// what it disassembled. The guest's interpreter is the same code.
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/acpi_tables.h"
#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "bothy-iasl-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs iasl in `directory`; its words are in the failure message when it complains.
void iasl(const fs::path& directory, const std::string& arguments) {
  const std::string command =
      "cd '" + directory.string() + "' && " + IASL + " " + arguments + " >log 2>&1";
  const int status = std::system(command.c_str());
  INFO(command << "\n" << read_file(directory / "log"));
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

// iasl puts its own name into the header's last eight bytes, which changes the checksum too.
std::string without_creator(std::string table) {
  REQUIRE(table.size() >= 36);
  table.replace(28, 8, 8, '\0');
  table[9] = '\0';
  return table;
}

void check_round_trip(const test::AcpiTable& table) {
  const TemporaryDirectory directory;
  const std::string original = table.text(0, table.bytes.size());
  std::ofstream(directory.path() / "table.aml", std::ios::binary) << original;
  iasl(directory.path(), "-d table.aml");
  // Warnings are errors; -oa keeps it from improving what it was given.
  iasl(directory.path(), "-we -oa -p again table.dsl");
  INFO(table.signature() << ":\n" << read_file(directory.path() / "table.dsl"));
  CHECK(without_creator(read_file(directory.path() / "again.aml")) == without_creator(original));
}

}  // namespace

TEST_CASE("iasl disassembles every table and compiles it back to the same bytes") {
  const std::uint32_t vcpus = GENERATE(1U, 64U);
  const std::uint32_t virtio = GENERATE(0U, 14U);
  auto memory = test::acpi_memory();
  const auto rsdp = write_acpi_tables(test::acpi_config(vcpus, virtio), memory);
  REQUIRE(rsdp.has_value());
  for (const test::AcpiTable& table : test::read_tables(memory, rsdp.value())) {
    check_round_trip(table);
  }
}

}  // namespace bothy::arch

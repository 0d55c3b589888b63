#include "guest/init/text.h"

#include <sys/stat.h>

#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace bothy;

TEST_CASE("a FIFO where a file should be holds nobody up") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "passwd";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const init::Text text = init::read_file(path.c_str(), 100);
  CHECK(text.size == 0);
  std::free(const_cast<char*>(text.data));
}

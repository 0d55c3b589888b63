#include "image/bytes/digest.h"

#include "image/erofs/writer.h"
#include "tests/support/catch.h"

using namespace bothy::image;

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(digest_of("abc").hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  hash.update(std::as_bytes(std::span(std::string_view("a"))));
  hash.update(std::as_bytes(std::span(std::string_view("bc"))));
  CHECK(hash.finish() == digest_of("abc"));
  CHECK(hash.finish() == digest_of(""));
}

TEST_CASE("a digest is parsed from its text, and other text is refused") {
  const Digest digest = digest_of("x");
  REQUIRE(Digest::parse(digest.text()).has_value());
  CHECK(Digest::parse(digest.text()).value() == digest);
  for (const std::string& bad :
       {std::string(), std::string("sha256:"), digest.hex(), "sha512:" + digest.hex(),
        digest.text() + "0", "sha256:" + std::string(64, 'G'), "sha256:" + std::string(64, 'A'),
        "sha256:../../../../../../etc/passwd" + std::string(35, 'a')}) {
    CAPTURE(bad);
    CHECK_FALSE(Digest::parse(bad).has_value());
  }
}

TEST_CASE("crc32c() matches the kernel's") {
  // 0xe3069283 is the check value of CRC-32C; the kernel's function leaves out the last inversion.
  CHECK((crc32c(~0U, std::as_bytes(std::span(std::string_view("123456789")))) ^ ~0U) == 0xe3069283);
}

#include "container/seccomp_cache.h"

#include <fcntl.h>
#include <linux/bpf_common.h>
#include <nettle/sha2.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "base/files.h"
#include "base/unique_fd.h"

namespace bothy::container {
namespace {

// To be raised when bothy compiles a profile to another program.
constexpr std::uint64_t kFormat = 2;

struct Header {
  SeccompKey key;
  SeccompKey digest;  // of the program
};

class Hash {
 public:
  Hash() { sha256_init(&state_); }

  void add(std::span<const std::byte> bytes) {
    sha256_update(&state_, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
  }
  void add(std::uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }
  void add(std::string_view text) {
    add(text.size());
    add(std::as_bytes(std::span(text)));
  }
  SeccompKey finish() {
    SeccompKey digest{};
    sha256_digest(&state_, digest.size(), digest.data());
    return digest;
  }

 private:
  sha256_ctx state_{};
};

SeccompKey digest_of(const std::vector<sock_filter>& program) {
  Hash hash;
  hash.add(std::as_bytes(std::span(program)));
  return hash.finish();
}

std::string path_of(const std::string& directory, const SeccompKey& key) {
  std::string path = directory + "/";
  for (const std::uint8_t byte : key) {
    fmt::format_to(std::back_inserter(path), "{:02x}", byte);
  }
  return path;
}

// The number of instructions in a file that can be trusted, otherwise 0.
std::size_t program_size(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return 0;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof(Header) || (size - sizeof(Header)) % sizeof(sock_filter) != 0) {
    return 0;
  }
  const std::uint64_t count = (size - sizeof(Header)) / sizeof(sock_filter);
  return count <= BPF_MAXINSNS ? count : 0;
}

}  // namespace

SeccompKey seccomp_key(const SeccompProfile& profile) {
  const scmp_version& version = *::seccomp_version();
  Hash hash;
  for (const std::uint64_t number :
       {kFormat, std::uint64_t{version.major}, std::uint64_t{version.minor},
        std::uint64_t{version.micro}, std::uint64_t{::seccomp_arch_native()},
        std::uint64_t{profile.default_action.value}}) {
    hash.add(number);
  }
  hash.add(profile.architectures.size());
  for (const std::string& name : profile.architectures) {
    hash.add(std::string_view(name));
  }
  hash.add(profile.rules.size());
  for (const SeccompRule& rule : profile.rules) {
    hash.add(rule.action.value);
    hash.add(rule.names.size());
    for (const std::string& name : rule.names) {
      hash.add(std::string_view(name));
    }
    hash.add(rule.arguments.size());
    for (const SeccompArgument& argument : rule.arguments) {
      hash.add(argument.index);
      hash.add(static_cast<std::uint64_t>(argument.compare));
      hash.add(argument.value);
      hash.add(argument.second);
    }
  }
  return hash.finish();
}

std::optional<std::vector<sock_filter>> load_seccomp(const std::string& directory,
                                                     const SeccompKey& key) {
  const UniqueFd fd(
      ::open(path_of(directory, key).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const std::size_t count = fd ? program_size(fd.get()) : 0;
  if (count == 0) {
    return std::nullopt;
  }
  Header header{};
  std::vector<sock_filter> program(count);
  const std::array<iovec, 2> parts{
      {{&header, sizeof(header)}, {program.data(), count * sizeof(sock_filter)}}};
  const ssize_t got = ::readv(fd.get(), parts.data(), parts.size());
  if (got != static_cast<ssize_t>(sizeof(header) + count * sizeof(sock_filter)) ||
      header.key != key || header.digest != digest_of(program)) {
    return std::nullopt;
  }
  return program;
}

void store_seccomp(const std::string& directory, const SeccompKey& key,
                   const std::vector<sock_filter>& program) {
  if (!make_directories(directory)) {
    return;
  }
  std::string temporary = directory + "/new-XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return;
  }
  const Header header{key, digest_of(program)};
  if (!write_all(fd.get(), std::as_bytes(std::span(&header, 1)), temporary) ||
      !write_all(fd.get(), std::as_bytes(std::span(program)), temporary) ||
      !rename_file(temporary, path_of(directory, key))) {
    ::unlink(temporary.c_str());
  }
}

}  // namespace bothy::container

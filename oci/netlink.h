// rtnetlink(7): requests to the kernel about interfaces of this process's network namespace, and
// its answers.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::oci {

// The content of a request after its header: a structure, and attributes.
class NetlinkBody {
 public:
  template <class Header>
  requires std::is_trivially_copyable_v<Header>
  explicit NetlinkBody(const Header& header) { append(&header, sizeof(header)); }

  void add(std::uint16_t attribute, std::string_view bytes);
  template <class T>
  requires(std::is_trivially_copyable_v<T> &&
           !std::is_convertible_v<T, std::string_view>) void add(std::uint16_t attribute,
                                                                 const T& value) {
    add(attribute, std::string_view(reinterpret_cast<const char*>(&value), sizeof(value)));
  }
  // Attributes added until the matching end() are parts of this one.
  [[nodiscard]] std::size_t begin(std::uint16_t attribute);
  void end(std::size_t begun);

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void append(const void* bytes, std::size_t size);

  std::string bytes_;
};

// An answer: a structure, and attributes by their numbers, whose bytes live as long as the answer.
struct NetlinkAnswer {
  std::uint16_t type = 0;
  std::string_view header;
  std::map<std::uint16_t, std::string_view> attributes;

  template <class T>
  [[nodiscard]] T head() const noexcept {
    T value{};
    std::memcpy(&value, header.data(), std::min(sizeof(T), header.size()));
    return value;
  }
  // Zero where it is missing.
  template <class T>
  [[nodiscard]] T value(std::uint16_t attribute) const noexcept {
    T result{};
    const auto found = attributes.find(attribute);
    if (found != attributes.end()) {
      std::memcpy(&result, found->second.data(), std::min(sizeof(T), found->second.size()));
    }
    return result;
  }
};

class Netlink {
 public:
  [[nodiscard]] static Result<Netlink> open();

  // 0, or the errno value that the kernel answers. `flags` are NLM_F_CREATE and the like.
  [[nodiscard]] Result<int> request(std::uint16_t type, std::uint16_t flags,
                                    const NetlinkBody& body) const;
  // All that there are; `header_size`: of the structure in each answer.
  [[nodiscard]] Result<void> dump(std::uint16_t type, const NetlinkBody& body,
                                  std::size_t header_size,
                                  const std::function<void(const NetlinkAnswer&)>& each) const;

 private:
  explicit Netlink(UniqueFd socket) noexcept : socket_(std::move(socket)) {}
  [[nodiscard]] Result<void> send(std::uint16_t type, std::uint16_t flags,
                                  const NetlinkBody& body) const;

  UniqueFd socket_;
};

}  // namespace bothy::oci

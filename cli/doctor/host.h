// How probes examine the host: files, devices, and experiments that may fail.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bothy::doctor {

// The content of a small text file (of /proc, /sys or /etc) without trailing white space; empty
// when it can't be read.
[[nodiscard]] std::string read_file(const std::string& path);

// The errno value of opening `path` for reading and writing; 0 when it opens.
[[nodiscard]] int open_error(const char* path) noexcept;

// The result of `body`, run in a process of its own with no descriptor of this one's; nothing when
// that process died or took longer than `limit`. It is killed then, and left alone if it hangs in
// the kernel.
[[nodiscard]] std::optional<std::string> run_in_child(std::chrono::milliseconds limit,
                                                      const std::function<std::string()>& body);

// strerror(3), safely from any thread.
[[nodiscard]] std::string errno_text(int error_number);

// The words of `text`, separated by white space. They refer to it, so it may not be a temporary.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);
std::vector<std::string_view> words(std::same_as<std::string> auto&& text) = delete;
// The lines of `text`, likewise.
[[nodiscard]] std::vector<std::string_view> lines(std::string_view text);
std::vector<std::string_view> lines(std::same_as<std::string> auto&& text) = delete;
// The number at the start of `text`, after white space; 0 when there is none.
[[nodiscard]] unsigned long long to_number(std::string_view text) noexcept;

}  // namespace bothy::doctor

#include "container/spec_value.h"

namespace bothy::container {

Error SpecValue::wrong(std::string_view what) const {
  return make_error(ErrorCode::kBadInput, "{}: {}", path(), what);
}

Error SpecValue::wrong(std::string_view key, std::string_view what) const {
  return SpecValue(value_, *this, key).wrong(what);
}

std::string SpecValue::path() const {
  if (parent_ == nullptr) {
    return std::string(key_);
  }
  if (index_) {
    return fmt::format("{}[{}]", parent_->path(), *index_);
  }
  return fmt::format("{}{}{}", parent_->path(), parent_->parent_ == nullptr ? ": " : ".",
                     printable(key_));
}

Result<const boost::json::object*> SpecValue::members() const {
  if (!value_.is_object()) {
    return wrong("expected an object");
  }
  return &value_.get_object();
}

Result<const boost::json::array*> SpecValue::elements() const {
  if (!value_.is_array()) {
    return wrong("expected an array");
  }
  return &value_.get_array();
}

Result<const boost::json::value*> SpecValue::find(std::string_view key) const {
  BOTHY_TRY(const boost::json::object* all, members());
  const boost::json::value* value = all->if_contains({key.data(), key.size()});
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<bool> SpecValue::has(std::string_view key) const {
  BOTHY_TRY(const boost::json::value* value, find(key));
  return value != nullptr;
}

Result<void> SpecValue::require(std::string_view key) const {
  BOTHY_TRY(const bool present, has(key));
  if (!present) {
    return wrong(key, "missing");
  }
  return success();
}

Result<std::string> SpecValue::text() const {
  if (!value_.is_string()) {
    return wrong("expected a string");
  }
  std::string text(value_.get_string());
  if (text.find('\0') != std::string::npos) {
    return wrong("a NUL in the string");
  }
  return text;
}

std::optional<std::int64_t> SpecValue::integer(std::int64_t least,
                                               std::int64_t greatest) const noexcept {
  if (!value_.is_int64() || value_.get_int64() < least || value_.get_int64() > greatest) {
    return std::nullopt;
  }
  return value_.get_int64();
}

// Boost.JSON: a number has uint64 only when it is too large for int64.
std::optional<std::uint64_t> SpecValue::integer(std::uint64_t least,
                                                std::uint64_t greatest) const noexcept {
  std::uint64_t number = 0;
  if (value_.is_int64() && value_.get_int64() >= 0) {
    number = static_cast<std::uint64_t>(value_.get_int64());
  } else if (value_.is_uint64()) {
    number = value_.get_uint64();
  } else {
    return std::nullopt;
  }
  return number >= least && number <= greatest ? std::optional(number) : std::nullopt;
}

namespace {

Result<void> read_text(const SpecValue& value, std::string& into) {
  BOTHY_TRY(into, value.text());
  return success();
}

Result<void> read_absolute(const SpecValue& value, std::string& into) {
  BOTHY_TRY(into, value.text());
  if (!into.starts_with('/')) {
    return value.wrong("expected an absolute path");
  }
  return success();
}

}  // namespace

Result<void> SpecValue::read(std::string_view key, std::string& into) const {
  return read_with(key, into, read_text);
}

Result<void> SpecValue::read(std::string_view key, bool& into) const {
  return read_with(key, into, [](const SpecValue& value, bool& flag) -> Result<void> {
    if (!value.json().is_bool()) {
      return value.wrong("expected true or false");
    }
    flag = value.json().get_bool();
    return success();
  });
}

Result<void> SpecValue::read(std::string_view key, std::vector<std::string>& into) const {
  return read_each(key, into, read_text);
}

Result<void> SpecValue::read(std::string_view key,
                             std::vector<std::pair<std::string, std::string>>& into) const {
  return read_with(key, into, [](const SpecValue& object, auto& all) {
    return object.read_members(
        [&all](const SpecValue& value, std::string_view name) -> Result<void> {
          BOTHY_TRY(std::string text, value.text());
          all.emplace_back(name, std::move(text));
          return success();
        });
  });
}

Result<void> SpecValue::read_path(std::string_view key, std::string& into) const {
  return read_with(key, into, read_absolute);
}

Result<void> SpecValue::read_paths(std::string_view key, std::vector<std::string>& into) const {
  return read_each(key, into, read_absolute);
}

}  // namespace bothy::container

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

// config.md, POSIX-platform Hooks.
Result<void> read_hook(const SpecValue& value, Hook& hook) {
  BOTHY_TRY(value.require("path"));
  BOTHY_TRY(value.read_path("path", hook.path));
  BOTHY_TRY(value.read("args", hook.arguments));
  BOTHY_TRY(value.read("env", hook.environment));
  return value.read_number("timeout", hook.timeout, 1U);
}

}  // namespace

Result<void> read_hooks(const SpecValue& value, Hooks& hooks) {
  BOTHY_TRY(value.read_each("prestart", hooks.prestart, read_hook));
  BOTHY_TRY(value.read_each("createRuntime", hooks.create_runtime, read_hook));
  BOTHY_TRY(value.read_each("createContainer", hooks.create_container, read_hook));
  BOTHY_TRY(value.read_each("startContainer", hooks.start_container, read_hook));
  BOTHY_TRY(value.read_each("poststart", hooks.poststart, read_hook));
  return value.read_each("poststop", hooks.poststop, read_hook);
}

}  // namespace bothy::container

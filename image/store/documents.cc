#include "image/store/documents.h"

#include <sys/utsname.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "base/files.h"
#include "base/json_fields.h"
#include "image/store/media_type.h"

namespace bothy::image {
namespace {

namespace json = boost::json;

constexpr std::string_view kIndexName = "the image index";
constexpr std::string_view kManifestName = "the manifest";
constexpr std::string_view kConfigName = "the config";

Result<Platform> parse_platform(const JsonFields& fields) {
  Platform platform;
  BOTHY_TRY(platform.os, fields.text("os"));
  BOTHY_TRY(platform.architecture, fields.text("architecture"));
  BOTHY_TRY(platform.variant, fields.text("variant"));
  return platform;
}

Result<Descriptor> parse_descriptor(const json::value& value, std::string_view what) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(value, what));
  Descriptor descriptor;
  BOTHY_TRY(descriptor.media_type, fields.text("mediaType"));
  BOTHY_TRY(const std::string digest, fields.text("digest"));
  BOTHY_TRY(descriptor.digest, Digest::parse(digest));
  if (!fields.has("size")) {
    return make_error(ErrorCode::kBadInput, "{} lacks the size of {}", what, digest);
  }
  BOTHY_TRY(descriptor.size, fields.number("size"));
  BOTHY_TRY(descriptor.annotations, fields.text_map("annotations"));
  BOTHY_TRY(const json::object* platform, fields.object("platform"));
  if (platform != nullptr) {
    BOTHY_TRY(descriptor.platform, parse_platform(JsonFields(*platform, what)));
  }
  return descriptor;
}

json::object to_json(const Descriptor& descriptor) {
  json::object object{{"mediaType", descriptor.media_type},
                      {"digest", descriptor.digest.text()},
                      {"size", descriptor.size}};
  if (descriptor.platform) {
    json::object platform{{"architecture", descriptor.platform->architecture},
                          {"os", descriptor.platform->os}};
    if (!descriptor.platform->variant.empty()) {
      platform["variant"] = descriptor.platform->variant;
    }
    object["platform"] = std::move(platform);
  }
  if (!descriptor.annotations.empty()) {
    json::object annotations;
    for (const auto& [name, value] : descriptor.annotations) {
      annotations[name] = value;
    }
    object["annotations"] = std::move(annotations);
  }
  return object;
}

Result<void> check_schema(const JsonFields& fields, std::string_view what) {
  BOTHY_TRY(const std::uint64_t version, fields.number("schemaVersion"));
  if (version != 2) {
    return make_error(ErrorCode::kBadInput, "{} has the unsupported schema version {}: expected 2",
                      what, version);
  }
  return success();
}

template <class Container>
void put(json::object& object, std::string_view key, const Container& values) {
  if (!values.empty()) {
    object[key] = json::array(values.begin(), values.end());
  }
}

void put(json::object& object, std::string_view key, const std::string& value) {
  if (!value.empty()) {
    object[key] = value;
  }
}

}  // namespace

std::string Platform::text() const {
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

Result<Platform> Platform::parse(std::string_view text) {
  Platform platform;
  std::vector<std::string> parts{""};
  for (const char letter : text) {
    if (letter == '/') {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  if (parts.size() < 2 || parts.size() > 3 ||
      std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); })) {
    return make_error(ErrorCode::kInvalid,
                      "invalid platform '{}': expected OS/ARCH[/VARIANT], such as linux/amd64",
                      printable(text));
  }
  return Platform{parts[0], parts[1], parts.size() > 2 ? parts[2] : ""};
}

Platform Platform::host() {
  utsname machine{};
  ::uname(&machine);
  const std::string name(&machine.machine[0]);
  if (name == "aarch64") {
    return {"linux", "arm64", "v8"};
  }
  return {"linux", name == "x86_64" ? "amd64" : name, ""};
}

std::string Descriptor::annotation(std::string_view name) const {
  const auto at = annotations.find(std::string(name));
  return at == annotations.end() ? std::string() : at->second;
}

Result<Index> Index::parse(std::string_view text) {
  BOTHY_TRY(const json::object object, parse_object(text, kIndexName));
  const JsonFields fields(object, kIndexName);
  BOTHY_TRY(check_schema(fields, kIndexName));
  BOTHY_TRY(const json::array* manifests, fields.array("manifests"));
  if (manifests == nullptr) {
    return make_error(ErrorCode::kBadInput, "{} has no list of manifests", kIndexName);
  }
  Index index;
  for (const auto& manifest : *manifests) {
    BOTHY_TRY(Descriptor descriptor, parse_descriptor(manifest, kIndexName));
    index.manifests.push_back(std::move(descriptor));
  }
  return index;
}

std::string Index::json() const {
  json::array array;
  for (const Descriptor& manifest : manifests) {
    array.push_back(to_json(manifest));
  }
  return json::serialize(
      json::object{{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", array}});
}

Result<Manifest> Manifest::parse(std::string_view text) {
  BOTHY_TRY(const json::object object, parse_object(text, kManifestName));
  const JsonFields fields(object, kManifestName);
  BOTHY_TRY(check_schema(fields, kManifestName));
  BOTHY_TRY(const json::object* config, fields.object("config"));
  BOTHY_TRY(const json::array* layers, fields.array("layers"));
  if (config == nullptr || layers == nullptr || layers->empty()) {
    return make_error(ErrorCode::kBadInput, "{} has no config or no layers", kManifestName);
  }
  Manifest manifest;
  BOTHY_TRY(manifest.config, parse_descriptor(*config, kManifestName));
  if (media_type(manifest.config.media_type) != MediaType::kConfig) {
    return make_error(ErrorCode::kBadInput, "the media type '{}' is not that of a container image",
                      printable(manifest.config.media_type));
  }
  if (layers->size() > kMaxLayers) {
    return make_error(ErrorCode::kBadInput, "the manifest has more than {} layers", kMaxLayers);
  }
  for (const auto& layer : *layers) {
    BOTHY_TRY(Descriptor descriptor, parse_descriptor(layer, kManifestName));
    const MediaType type = media_type(descriptor.media_type);
    if (type != MediaType::kLayer && !(type == MediaType::kDisk && layers->size() == 1)) {
      return make_error(ErrorCode::kBadInput, "a layer has the unknown media type '{}'",
                        printable(descriptor.media_type));
    }
    manifest.layers.push_back(std::move(descriptor));
  }
  return manifest;
}

std::string Manifest::json() const {
  json::array array;
  for (const Descriptor& layer : layers) {
    array.push_back(to_json(layer));
  }
  return json::serialize(json::object{{"schemaVersion", 2},
                                      {"mediaType", kManifestType},
                                      {"config", to_json(config)},
                                      {"layers", array}});
}

bool Manifest::is_disk() const {
  return media_type(layers.front().media_type) == MediaType::kDisk;
}

Result<ImageConfig> ImageConfig::parse(std::string_view text) {
  BOTHY_TRY(const json::object object, parse_object(text, kConfigName));
  const JsonFields fields(object, kConfigName);
  ImageConfig config;
  BOTHY_TRY(config.platform, parse_platform(fields));
  BOTHY_TRY(config.created, fields.text("created"));
  BOTHY_TRY(const json::object* rootfs, fields.object("rootfs"));
  if (rootfs == nullptr) {
    return make_error(ErrorCode::kBadInput, "{} has no rootfs", kConfigName);
  }
  BOTHY_TRY(const auto diff_ids, JsonFields(*rootfs, kConfigName).texts("diff_ids"));
  for (const std::string& diff_id : diff_ids) {
    BOTHY_TRY(const Digest digest, Digest::parse(diff_id));
    config.diff_ids.push_back(digest);
  }
  BOTHY_TRY(const json::object* run, fields.object("config"));
  if (run == nullptr) {
    return config;
  }
  const JsonFields running(*run, kConfigName);
  BOTHY_TRY(config.user, running.text("User"));
  BOTHY_TRY(config.environment, running.texts("Env"));
  BOTHY_TRY(config.entrypoint, running.texts("Entrypoint"));
  BOTHY_TRY(config.command, running.texts("Cmd"));
  BOTHY_TRY(config.working_directory, running.text("WorkingDir"));
  BOTHY_TRY(config.exposed_ports, running.names("ExposedPorts"));
  BOTHY_TRY(config.volumes, running.names("Volumes"));
  BOTHY_TRY(config.labels, running.text_map("Labels"));
  BOTHY_TRY(config.stop_signal, running.text("StopSignal"));
  return config;
}

std::string ImageConfig::json() const {
  json::object run;
  put(run, "User", user);
  put(run, "Env", environment);
  put(run, "Entrypoint", entrypoint);
  put(run, "Cmd", command);
  put(run, "WorkingDir", working_directory);
  for (const auto& [key, names] :
       {std::pair("ExposedPorts", &exposed_ports), std::pair("Volumes", &volumes)}) {
    json::object members;
    for (const std::string& name : *names) {
      members[name] = json::object();
    }
    if (!members.empty()) {
      run[key] = std::move(members);
    }
  }
  json::object marks;
  for (const auto& [name, value] : labels) {
    marks[name] = value;
  }
  if (!marks.empty()) {
    run["Labels"] = std::move(marks);
  }
  put(run, "StopSignal", stop_signal);
  json::object object;
  put(object, "created", created);
  object["architecture"] = platform.architecture;
  object["os"] = platform.os;
  put(object, "variant", platform.variant);
  object["config"] = std::move(run);
  json::array digests;
  for (const Digest& digest : diff_ids) {
    digests.emplace_back(digest.text());
  }
  object["rootfs"] = json::object{{"type", "layers"}, {"diff_ids", std::move(digests)}};
  return json::serialize(object);
}

Result<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                   const Platform& platform) {
  if (manifests.size() == 1 && !manifests[0].platform) {
    return manifests[0];
  }
  const Descriptor* best = nullptr;
  std::string seen;
  for (const Descriptor& manifest : manifests) {
    if (!manifest.platform) {
      continue;
    }
    const Platform& other = *manifest.platform;
    seen += (seen.empty() ? "" : ", ") + printable(other.text());
    if (other.os != platform.os || other.architecture != platform.architecture) {
      continue;
    }
    if (other.variant == platform.variant) {
      return manifest;
    }
    if (best == nullptr || other.variant < best->platform->variant) {
      best = &manifest;
    }
  }
  if (best == nullptr) {
    return make_error(ErrorCode::kBadInput,
                      "the image is not for platform {}, but for {} (choose one with --platform)",
                      platform.text(), seen.empty() ? "unnamed platforms" : seen);
  }
  return *best;
}

}  // namespace bothy::image

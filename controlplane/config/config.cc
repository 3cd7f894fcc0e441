#include "controlplane/config/config.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "controlplane/config/checks.h"
#include "controlplane/config/reader.h"
#include "controlplane/config/source.h"

namespace lastmile {
namespace {

using config::Place;

/// More than any configuration needs; keeps a device or a disk image from being read as one.
constexpr std::size_t kLargestFile = 16U << 20;

/// The length of the UTF-8 character at the front of `text`; 0 if it is none that belongs into a
/// configuration.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    const bool good =
        (first >= 0x20 && first != 0x7f) || first == '\n' || first == '\t' || first == '\r';
    return good ? 1 : 0;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms and surrogates (RFC 3629 section 4).
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) {
    return 0;
  }
  return length;
}

/// The first byte that belongs into no text file. The YAML library would read over it, or worse.
std::optional<Place> first_garbage(std::string_view text) {
  Place place;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return place;
    ++place.column;
    if (text.front() == '\n') place = {place.line + 1, 1};
    text.remove_prefix(length);
  }
  return std::nullopt;
}

std::vector<ConfigError> one_error(const std::string& file, Place place, std::string message) {
  return {{file, place.line, place.column, std::move(message)}};
}

/// Notes where each document starts; what is in them does not matter here.
class DocumentStarts final : public YAML::EventHandler {
 public:
  std::vector<YAML::Mark> marks;

  void OnDocumentStart(const YAML::Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// The library's Load would ignore a second document, and its LoadAll never ends on a text that
/// starts with a stray ',': it finds one empty document after the other there.
std::optional<ConfigError> second_document(const std::string& file, const std::string& text) {
  std::istringstream stream{text};
  YAML::Parser parser{stream};
  DocumentStarts starts;
  while (starts.marks.size() < 2 && parser.HandleNextDocument(starts)) {
  }
  if (starts.marks.size() < 2) return std::nullopt;
  const YAML::Mark& mark = starts.marks[1];
  const bool stuck = mark.pos == starts.marks[0].pos;
  return ConfigError{file, static_cast<unsigned>(mark.line) + 1,
                     static_cast<unsigned>(mark.column) + 1,
                     stuck ? "stray punctuation; expected valid YAML"
                           : "a second YAML document (\"---\"); expected one for the whole "
                             "configuration"};
}

ConfigError syntax_error(const std::string& file, std::string_view text,
                         const YAML::Exception& error) {
  if (error.mark.is_null()) return {file, 1, 1, error.msg + "; expected valid YAML"};
  const auto line = static_cast<unsigned>(error.mark.line);
  for (unsigned skipped = 0; skipped < line; ++skipped) text.remove_prefix(text.find('\n') + 1);
  // The most frequent mistake gets the least telling message of the library.
  const std::size_t indent = std::min(text.find_first_not_of(" \t"), text.size());
  const std::size_t tab = text.find('\t');
  if (tab < indent) {
    return {file, line + 1, static_cast<unsigned>(tab) + 1,
            "a tab in front of a key; expected spaces"};
  }
  // From yaml-cpp 0.8 on the anchor's name follows; line and column show it, too.
  constexpr std::string_view kAnchor = "the referenced anchor is not defined";
  const bool anchor = error.msg.starts_with(kAnchor);
  return {file, line + 1, static_cast<unsigned>(error.mark.column) + 1,
          (anchor ? std::string{kAnchor} : error.msg) + "; expected valid YAML"};
}

tl::expected<Config, std::vector<ConfigError>> parse(std::string_view text, const std::string& name,
                                                     config::Scope scope) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (const auto garbage = first_garbage(text)) {
    return tl::unexpected(one_error(
        name, *garbage, "not a text file; expected YAML in UTF-8, no control characters"));
  }
  Config config;
  scope.system = &config.system;
  config::Reader reader{name, config, std::move(scope)};
  try {
    const std::string file{text};
    if (auto error = second_document(name, file)) return tl::unexpected(std::vector{*error});
    const YAML::Node document = YAML::Load(file);
    if (document.IsNull()) {
      return tl::unexpected(one_error(
          name, Place{}, "the file is empty; expected a configuration, as in conf/server.yaml"));
    }
    reader.read(document);
    if (!reader.ended()) config::complete_and_check(config, reader);
  } catch (const YAML::Exception& error) {
    return tl::unexpected(std::vector{syntax_error(name, text, error)});
  }
  std::vector<ConfigError> errors = reader.take_errors();
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return config;
}

tl::expected<std::string, std::vector<ConfigError>> read_text(const std::string& path) {
  const auto unreadable = [&](std::string why) {
    return tl::unexpected(std::vector{ConfigError{path, 0, 0, std::move(why)}});
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose};
  if (!file) {
    return unreadable(
        fmt::format("can't be opened: {}; expected a configuration file", std::strerror(errno)));
  }
  std::string text;
  char buffer[65536];
  std::size_t got = 0;
  while ((got = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) {
    text.append(buffer, got);
    if (text.size() > kLargestFile) {
      return unreadable(
          fmt::format("longer than {} MiB; expected a configuration file", kLargestFile >> 20));
    }
  }
  if (std::ferror(file.get()) != 0) {
    return unreadable(
        fmt::format("can't be read: {}; expected a configuration file", std::strerror(errno)));
  }
  return text;
}

}  // namespace

VlanTags PortConfig::tags() const {
  switch (vlan.size()) {
    case 0:
      return {};
    case 1:
      return {vlan_protocol.value_or(VlanProtocol::kCustomer), VlanId{vlan[0]}};
    default:
      return {vlan_protocol.value_or(VlanProtocol::kService), VlanId{vlan[0]}, VlanId{vlan[1]}};
  }
}

std::string to_string(const ConfigError& error) {
  if (error.line == 0) return fmt::format("{}: {}", error.file, error.message);
  return fmt::format("{}:{}:{}: {}", error.file, error.line, error.column, error.message);
}

tl::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                            const std::string& name) {
  return parse(text, name, {});
}

tl::expected<Config, std::vector<ConfigError>> load_config(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  return parse_config(*text, path);
}

tl::expected<Config, std::vector<ConfigError>> load_config(const std::string& path,
                                                           ConfigSource& source) {
  source = {path, {}, {}};
  auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  source.text = std::move(*text);
  config::Scope scope;
  scope.read_secret = [&secrets = source.secrets](const std::string& secret,
                                                  const std::string& user) {
    auto content = config::read_secret_file(secret, user);
    if (content) secrets[secret] = *content;
    return content;
  };
  return parse(source.text, path, std::move(scope));
}

tl::expected<Config, std::vector<ConfigError>> parse_config(const ConfigSource& source) {
  config::Scope scope;
  scope.read_secret = [&source](const std::string& path,
                                const std::string&) -> tl::expected<std::string, config::Fault> {
    const auto known = source.secrets.find(path);
    if (known == source.secrets.end()) {
      return tl::unexpected(config::Fault{"is not in the recording", "expected what it held"});
    }
    return known->second;
  };
  return parse(source.text, source.name, std::move(scope));
}

}  // namespace lastmile

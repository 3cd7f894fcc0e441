#include "controlplane/config/reader.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "controlplane/config/suggest.h"

namespace lastmile::config {
namespace {

constexpr std::size_t kMostErrors = 100;  // that are shown
/// After so many nothing more is read.
constexpr std::size_t kMostErrorsRead = 10'000;

Place place_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return {static_cast<unsigned>(std::max(0, mark.line)) + 1,
          static_cast<unsigned>(std::max(0, mark.column)) + 1};
}

/// Text from the file, fit for an error on one line.
std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, kLongest)) {
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  // Not in the middle of a character of several bytes (UTF-8).
  if (text.size() > kLongest) {
    while ((static_cast<unsigned char>(result.back()) & 0xc0) == 0x80) result.pop_back();
    if (static_cast<unsigned char>(result.back()) >= 0xc0) result.pop_back();
    result += "...";
  }
  return result + '"';
}

const char* describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a section";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return "a single value";
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return "nothing";
}

std::string names_of(const std::vector<Key>& keys) {
  std::vector<std::string> names;
  for (const Key& key : keys) {
    if (key.status == Status::kSupported) names.push_back(key.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string join_path(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + '.' + name;
}

/// "bgp.neighbors" if the schema has a key of that name elsewhere; empty if nowhere.
std::string section_with(const std::string& name, const std::vector<Key>& keys,
                         const std::string& path) {
  for (const Key& key : keys) {
    if (key.keys.empty()) continue;
    const std::string inner = join_path(path, key.name);
    for (const Key& row : key.keys) {
      if (row.name == name && row.status == Status::kSupported) return inner;
    }
    if (std::string found = section_with(name, key.keys, inner); !found.empty()) return found;
  }
  return {};
}

const Key* find(const std::vector<Key>& keys, const std::string& name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

}  // namespace

Place Places::of(const std::string& path) const {
  for (std::string around = path;;) {
    if (const auto found = places_.find(around); found != places_.end()) return found->second;
    const std::size_t cut = around.find_last_of(".[");
    if (cut == std::string::npos) return Place{};
    around.resize(cut);
  }
}

void Reader::read(const YAML::Node& document) {
  read_section(document, schema(), &config_, "");
  if (budget_.exhausted()) (void)ends(place_of(document));
}

void Reader::complain(Place place, std::string message) {
  errors_.push_back({file_, place.line, place.column, std::move(message)});
}

bool Reader::ends(Place place) {
  if (ended_) return true;
  const bool too_long = !budget_.take(1);
  ended_ = too_long || errors_.size() >= kMostErrorsRead;
  if (too_long) {
    complain(place, fmt::format("the file says more than {} values up to here, aliases and prefix "
                                "lists counted wherever they are used; expected fewer",
                                Budget::kMost));
  }
  return ended_;
}

void Reader::fail(const std::string& path, Place place, std::string message) {
  failed_.insert(path);
  complain(place, std::move(message));
}

std::vector<ConfigError> Reader::take_errors() {
  std::stable_sort(errors_.begin(), errors_.end(), [](const ConfigError& a, const ConfigError& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (errors_.size() > kMostErrors) {
    const std::size_t more = errors_.size() - kMostErrors;
    errors_.resize(kMostErrors);
    errors_.push_back({file_, errors_.back().line, errors_.back().column,
                       fmt::format("{}{} more errors follow; expected far fewer",
                                   ended_ ? "at least " : "", more)});
  }
  return std::move(errors_);
}

void Reader::read_section(const YAML::Node& node, const std::vector<Key>& keys, void* owner,
                          const std::string& path) {
  // "bgp:" with nothing under it is a section with nothing in it.
  if (!node.IsMap() && !node.IsNull()) {
    fail(path, place_of(node),
         fmt::format("{}{}found {}; expected a section with the keys {}", path,
                     path.empty() ? "" : ": ", describe(node), names_of(keys)));
    return;
  }
  struct Entry {
    YAML::Node value;
    Place name_place;
  };
  std::map<std::string, Entry> entries;
  if (node.IsMap()) {
    for (const auto& pair : node) {
      const Place place = place_of(pair.first);
      if (ends(place)) return;
      if (!pair.first.IsScalar()) {
        complain(place, fmt::format("{} stands where a key should; expected one of: {}",
                                    describe(pair.first), names_of(keys)));
        continue;
      }
      const std::string& name = pair.first.Scalar();
      if (const auto first = entries.find(name); first != entries.end()) {
        complain(place, fmt::format("{} is there twice; expected once, as in line {}",
                                    in_quotes(name), first->second.name_place.line));
        continue;
      }
      entries.emplace(name, Entry{pair.second, place});
      const Key* key = find(keys, name);
      if (key == nullptr) {
        refuse_unknown(name, place, keys, path);
      } else if (key->status == Status::kPlanned) {
        complain(place,
                 key->instead.empty()
                     ? fmt::format("{} is not supported by this version; expected it to be absent",
                                   in_quotes(name))
                     : fmt::format("{}: {}", in_quotes(name), key->instead));
      }
    }
  }
  for (const Key& key : keys) {
    if (key.status == Status::kPlanned) continue;
    const std::string key_path = join_path(path, key.name);
    const auto entry = entries.find(key.name);
    if (entry != entries.end()) {
      read_key(entry->second.value, entry->second.name_place, key, owner, key_path);
    } else if (key.presence == Presence::kRequired && !entries.contains(key.unless)) {
      const std::string around = path.empty() ? "the file" : path;
      fail(key_path, path.empty() ? Place{} : places_.of(path),
           fmt::format("\"{}\" is missing in {}; expected {}", key.name, around,
                       key.type.empty() ? "a section of that name" : key.type));
    } else {
      apply_defaults(key, owner, key_path);
    }
  }
}

void Reader::read_key(const YAML::Node& node, Place name_place, const Key& key, void* owner,
                      const std::string& path) {
  // Nothing has no place of its own.
  places_.set(path, node.IsNull() ? name_place : place_of(node));
  switch (key.shape) {
    case Shape::kValue:
      return read_value(node, places_.of(path), key, owner, path);
    case Shape::kSection:
      return read_section(node, key.keys, key.enter(owner, {}, scope_), path);
    case Shape::kValueList:
    case Shape::kSectionList:
      return read_list(node, key, owner, path);
    case Shape::kNamedSections:
      return read_names(node, key, owner, path);
  }
}

void Reader::read_value(const YAML::Node& node, Place place, const Key& key, void* owner,
                        const std::string& path) {
  if (!node.IsScalar()) {
    fail(path, place, fmt::format("{}: found {}; expected {}", key.name, describe(node), key.type));
    return;
  }
  if (const auto stored = key.store(owner, node.Scalar(), scope_); !stored) {
    const Fault& fault = stored.error();
    fail(path, place,
         fmt::format("{}: {} {}; {}", key.name, in_quotes(node.Scalar()), fault.wrong,
                     fault.expected.empty() ? "expected " + key.type : fault.expected));
  }
}

void Reader::read_list(const YAML::Node& node, const Key& key, void* owner,
                       const std::string& path) {
  if (key.empty_list == EmptyList::kRefused &&
      (node.IsNull() || (node.IsSequence() && node.size() == 0))) {
    fail(path, places_.of(path),
         fmt::format(
             "{}: found an empty list; expected at least one item, or no \"{}\" at all, which "
             "asks for nothing",
             key.name, key.name));
    return;
  }
  if (node.IsNull()) {
    if (key.begin_list) key.begin_list(owner);
    return;
  }
  const bool values = key.shape == Shape::kValueList;
  if (node.IsScalar() && key.lone_item == LoneItem::kAllowed) {
    const std::string item_path = path + "[0]";
    places_.set(item_path, place_of(node));
    return read_value(node, places_.of(item_path), key, owner, item_path);
  }
  if (!node.IsSequence()) {
    fail(path, place_of(node),
         fmt::format("{}: found {}; expected a list: [{}]", key.name, describe(node),
                     values ? "VALUE, ..." : "{KEY: VALUE, ...}, ..."));
    return;
  }
  if (node.size() > key.max_items) {
    fail(path, place_of(node),
         fmt::format("{}: {} items are too many; expected at most {}", key.name, node.size(),
                     key.max_items));
    return;
  }
  if (key.begin_list) key.begin_list(owner);
  std::size_t index = 0;
  for (const YAML::Node& item : node) {
    if (ends(place_of(item))) return;
    const std::string item_path = fmt::format("{}[{}]", path, index++);
    // An item of nothing stands where its list does.
    places_.set(item_path, item.IsNull() ? place_of(node) : place_of(item));
    if (values) {
      read_value(item, places_.of(item_path), key, owner, item_path);
    } else {
      read_section(item, key.keys, key.enter(owner, {}, scope_), item_path);
    }
  }
}

void Reader::read_names(const YAML::Node& node, const Key& key, void* owner,
                        const std::string& path) {
  if (!node.IsMap() || node.size() == 0) {
    fail(path, places_.of(path),
         fmt::format("{}: found {}; expected {}: {{KEY: VALUE, ...}}", key.name,
                     node.IsMap() ? "an empty section" : describe(node), key.placeholder));
    return;
  }
  if (node.size() > key.max_items) {
    fail(path, places_.of(path),
         fmt::format("{}: {} are too many; expected at most {}", key.name, node.size(),
                     key.max_items));
    return;
  }
  std::map<std::string, Place> seen;
  for (const auto& pair : node) {
    const Place place = place_of(pair.first);
    if (ends(place)) return;
    if (!pair.first.IsScalar()) {
      complain(place, fmt::format("{}: {} stands where a name should; expected {}", key.name,
                                  describe(pair.first), key.placeholder));
      continue;
    }
    const std::string& name = pair.first.Scalar();
    const auto [first, is_new] = seen.emplace(name, place);
    if (!is_new) {
      complain(place, fmt::format("{}: {} is there twice; expected once, as in line {}", key.name,
                                  in_quotes(name), first->second.line));
      continue;
    }
    // A bad name is reported and the item read all the same, so that references to it are good.
    if (const auto good = key.check_name(name); !good) {
      complain(place, fmt::format("{}: {} {}; {}", key.name, in_quotes(name), good.error().wrong,
                                  good.error().expected));
    }
    const std::string item_path = join_path(path, name);
    places_.set(item_path, place);
    read_section(pair.second, key.keys, key.enter(owner, name, scope_), item_path);
  }
}

void Reader::apply_defaults(const Key& key, void* owner, const std::string& path) {
  if (key.absence == Absence::kNothing) return;
  if (key.shape == Shape::kSection) {
    void* inner = key.enter(owner, {}, scope_);
    for (const Key& row : key.keys) {
      if (row.status == Status::kSupported) apply_defaults(row, inner, join_path(path, row.name));
    }
  } else if (!key.fallback.empty()) {
    const auto stored = key.store(owner, key.fallback, scope_);
    if (!stored) complain(Place{}, fmt::format("{}: bad default; {}", path, stored.error().wrong));
  }
}

void Reader::refuse_unknown(const std::string& name, Place place, const std::vector<Key>& keys,
                            const std::string& path) {
  const std::string where = path.empty() ? "" : fmt::format(" in {}", path);
  std::vector<std::string> candidates;
  for (const Key& key : keys) candidates.push_back(key.name);
  const std::string home = section_with(name, schema(), "");
  std::string expected;
  if (const auto meant = nearest(name, candidates)) {
    expected = fmt::format("did you mean \"{}\"?", *meant);
    if (find(keys, *meant)->status == Status::kPlanned) {
      expected += " (not supported by this version)";
    }
  } else if (!home.empty()) {
    expected = fmt::format("expected it in \"{}\"", home);
  } else {
    expected = fmt::format("expected one of: {}", names_of(keys));
  }
  complain(place, fmt::format("unknown key {}{}; {}", in_quotes(name), where, expected));
}

}  // namespace lastmile::config

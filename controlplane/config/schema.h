// The schema of the configuration: every key that the YAML file may have, as one table.
//
// The table itself is schema.cc, with each section in a file by subject (schema_by_subject.h), and
// reads like the file that it describes. A row gives the key's name, the member of the
// configuration that it fills, its type (types.h), what holds when it is absent, and its text for
// people:
//
//   key("mtu", &PortConfig::mtu, number<std::uint16_t>(1280, 9600))
//       .fallback("1500")
//       .help("Largest IP packet, in bytes."),
//
// The reader (reader.h) walks a YAML document against the table; the reference (reference.h) prints
// it. Keys of later versions stand in the table too, as planned(), so that they are refused with a
// clear word and not taken for misspellings; building one means giving its row a member and a type.
//
// Rows are typed by the struct that they fill (KeyOf<PortConfig>), so that a row can't stand in the
// wrong section; what the walkers see is erased (Key).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/config/config.h"
#include "controlplane/config/types.h"

namespace lastmile::config {

enum class Shape : std::uint8_t {
  kValue,          ///< mtu: 9000
  kValueList,      ///< cpus: [1, 2]
  kSection,        ///< timers: {hold: 9s}
  kSectionList,    ///< neighbors: [{port: up1}, {port: up2}]
  kNamedSections,  ///< ports: {up1: {…}, up2: {…}}
};

enum class Presence : std::uint8_t { kOptional, kRequired };
/// Whether a list of one may be written as its item: vlan: 2 for vlan: [2].
enum class LoneItem : std::uint8_t { kRefused, kAllowed };
/// Whether a list may be there and have nothing in it.
enum class EmptyList : std::uint8_t { kAllowed, kRefused };
enum class Status : std::uint8_t { kSupported, kPlanned };
/// What a section that is not there leaves behind.
enum class Absence : std::uint8_t {
  kDefaults,  ///< its keys' defaults
  kNothing,   ///< an empty std::optional
};

/// A row of the table.
struct Key {
  std::string name;
  Shape shape = Shape::kValue;
  Presence presence = Presence::kOptional;
  std::string unless;  ///< kRequired: the key beside it that may stand in its place; may be empty
  Status status = Status::kSupported;
  Absence absence = Absence::kDefaults;
  std::string type;      ///< what a value must be: "a number from 1280 to 9600"
  ValueShape value;      ///< the same for editors; of kNamedSections: what a name must be
  std::string fallback;  ///< YAML text of the value that holds when the key is absent; may be empty
  std::string absent;    ///< the same in words, where it depends on other keys
  std::string help;
  std::string
      instead;  ///< kPlanned: why it is refused, and what to do; empty: it is of a later version
  std::string placeholder;    ///< kNamedSections: what stands for the name in the reference
  std::size_t max_items = 0;  ///< lists and named sections
  LoneItem lone_item = LoneItem::kRefused;     ///< kValueList
  EmptyList empty_list = EmptyList::kAllowed;  ///< lists
  std::vector<Key> keys;                       ///< sections

  /// Values: checks the text and stores it in the owner; a fault leaves the owner as it was.
  std::function<tl::expected<void, Fault>(void* owner, std::string_view text, const Scope&)> store;
  /// Lists, if it matters that one is there though it be empty: called before the first item.
  std::function<void(void* owner)> begin_list;
  /// kNamedSections: whether a name may be one.
  std::function<tl::expected<void, Fault>(std::string_view name)> check_name;
  /// Sections: the struct that the section fills, made if it is an item of a list.
  std::function<void*(void* owner, std::string_view name, Scope&)> enter;
};

/// The top level of the file; its owner is a Config.
[[nodiscard]] const std::vector<Key>& schema();

/// A row that fills an `Owner`.
template <class Owner>
struct KeyOf {
  Key key;

  KeyOf required() && {
    key.presence = Presence::kRequired;
    return std::move(*this);
  }
  KeyOf required_unless(std::string other) && {
    key.presence = Presence::kRequired;
    key.unless = std::move(other);
    return std::move(*this);
  }
  KeyOf or_one() && {
    key.lone_item = LoneItem::kAllowed;
    return std::move(*this);
  }
  /// A list that asks for something, and for nothing if it is not there.
  KeyOf not_empty() && {
    key.empty_list = EmptyList::kRefused;
    return std::move(*this);
  }
  KeyOf fallback(std::string yaml) && {
    key.fallback = std::move(yaml);
    return std::move(*this);
  }
  KeyOf when_absent(std::string words) && {
    key.absent = std::move(words);
    return std::move(*this);
  }
  KeyOf instead(std::string words) && {
    key.instead = std::move(words);
    return std::move(*this);
  }
  KeyOf help(std::string text) && {
    key.help = std::move(text);
    return std::move(*this);
  }
};

template <class Owner>
using KeysOf = std::vector<KeyOf<Owner>>;

template <class Owner>
[[nodiscard]] std::vector<Key> erase(KeysOf<Owner> keys) {
  std::vector<Key> erased;
  erased.reserve(keys.size());
  for (KeyOf<Owner>& key : keys) erased.push_back(std::move(key.key));
  return erased;
}

/// A single value.
template <class Owner, class Member, class T>
[[nodiscard]] KeyOf<Owner> key(std::string name, Member Owner::*member, Type<T> type) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.type = type.expected;
  row.key.value = type.shape;
  row.key.store = [member, read = std::move(type.read)](
                      void* owner, std::string_view text,
                      const Scope& scope) -> tl::expected<void, Fault> {
    auto value = read(text, scope);
    if (!value) return tl::unexpected(std::move(value.error()));
    static_cast<Owner*>(owner)->*member = std::move(*value);
    return {};
  };
  return row;
}

/// A list of values.
template <class Owner, class T>
[[nodiscard]] KeyOf<Owner> list(std::string name, std::vector<T> Owner::*member, Type<T> type,
                                std::size_t max_items) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.shape = Shape::kValueList;
  row.key.type = type.expected;
  row.key.value = type.shape;
  row.key.max_items = max_items;
  row.key.store = [member, read = std::move(type.read)](
                      void* owner, std::string_view text,
                      const Scope& scope) -> tl::expected<void, Fault> {
    auto value = read(text, scope);
    if (!value) return tl::unexpected(std::move(value.error()));
    (static_cast<Owner*>(owner)->*member).push_back(std::move(*value));
    return {};
  };
  return row;
}

/// A section that fills a member.
template <class Owner, class Member>
[[nodiscard]] KeyOf<Owner> section(std::string name, Member Owner::*member, KeysOf<Member> keys) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.shape = Shape::kSection;
  row.key.keys = erase(std::move(keys));
  row.key.enter = [member](void* owner, std::string_view, Scope&) -> void* {
    return &(static_cast<Owner*>(owner)->*member);
  };
  return row;
}

/// A section that may be absent.
template <class Owner, class Member>
[[nodiscard]] KeyOf<Owner> section(std::string name, std::optional<Member> Owner::*member,
                                   KeysOf<Member> keys) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.shape = Shape::kSection;
  row.key.absence = Absence::kNothing;
  row.key.keys = erase(std::move(keys));
  row.key.enter = [member](void* owner, std::string_view, Scope&) -> void* {
    return &(static_cast<Owner*>(owner)->*member).emplace();
  };
  return row;
}

/// A section in the file that is none in the configuration: its keys fill the owner itself.
template <class Owner>
[[nodiscard]] KeyOf<Owner> group(std::string name, KeysOf<Owner> keys) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.shape = Shape::kSection;
  row.key.keys = erase(std::move(keys));
  row.key.enter = [](void* owner, std::string_view, Scope&) { return owner; };
  return row;
}

/// A list of sections. `make` gives a new item from its owner: what it inherits.
template <class Owner, class Item>
[[nodiscard]] KeyOf<Owner> sections(
    std::string name, std::vector<Item> Owner::*member, std::size_t max_items, KeysOf<Item> keys,
    Item (*make)(const Owner&) = [](const Owner&) { return Item{}; }) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.shape = Shape::kSectionList;
  row.key.max_items = max_items;
  row.key.keys = erase(std::move(keys));
  row.key.enter = [member, make](void* owner, std::string_view, Scope&) -> void* {
    auto& typed = *static_cast<Owner*>(owner);
    return &(typed.*member).emplace_back(make(typed));
  };
  return row;
}

/// Sections with names. `add` makes the item of that name.
template <class Owner, class Item>
[[nodiscard]] KeyOf<Owner> named_sections(std::string name, std::string placeholder,
                                          Item& (*add)(Owner&, std::string_view name, Scope&),
                                          std::size_t max_items, Type<std::string> name_type,
                                          KeysOf<Item> keys) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.shape = Shape::kNamedSections;
  row.key.placeholder = std::move(placeholder);
  row.key.max_items = max_items;
  row.key.keys = erase(std::move(keys));
  row.key.value = name_type.shape;
  row.key.check_name =
      [type = std::move(name_type)](std::string_view text) -> tl::expected<void, Fault> {
    auto value = type.read(text, Scope{});
    if (value) return {};
    Fault fault = std::move(value.error());
    if (fault.expected.empty()) fault.expected = type.expected;
    return tl::unexpected(std::move(fault));
  };
  row.key.enter = [add](void* owner, std::string_view item, Scope& scope) -> void* {
    return &add(*static_cast<Owner*>(owner), item, scope);
  };
  return row;
}

/// A key of a later version: refused, with a clear word.
template <class Owner>
[[nodiscard]] KeyOf<Owner> planned(std::string name, std::string help) {
  KeyOf<Owner> row;
  row.key.name = std::move(name);
  row.key.status = Status::kPlanned;
  row.key.help = std::move(help);
  return row;
}

}  // namespace lastmile::config

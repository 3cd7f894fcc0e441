#include "controlplane/config/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "controlplane/config/reference.h"
#include "controlplane/config/schema.h"

namespace lastmile {
namespace {

using config::EmptyList;
using config::Key;
using config::LoneItem;
using config::Presence;
using config::Shape;
using config::Status;
using config::ValueShape;
using Json = nlohmann::ordered_json;

/// A YAML scalar has no type of its own in our reader (text is text), but editors give it one: 9000
/// is a number to them, and so is the text 12; `on` may be a boolean.
Json value_schema(const ValueShape& shape) {
  if (shape.anything()) return {{"type", {"string", "number", "boolean"}}};
  std::vector<Json> forms;
  if (shape.numbers) {
    forms.push_back(
        {{"type", "integer"}, {"minimum", shape.numbers->min}, {"maximum", shape.numbers->max}});
  }
  if (!shape.words.empty()) {
    Json words = shape.words;
    for (const std::string& word : shape.words) {
      // In YAML 1.1 on, off, yes and no are booleans, too.
      const bool yes = word == "true" || word == "on" || word == "yes";
      const bool no = word == "false" || word == "off" || word == "no";
      for (const bool value : {true, false}) {
        if ((value ? yes : no) && std::ranges::find(words, Json(value)) == words.end()) {
          words.push_back(value);
        }
      }
    }
    forms.push_back({{"enum", std::move(words)}});
  }
  if (!shape.pattern.empty()) forms.push_back({{"type", "string"}, {"pattern", shape.pattern}});
  return forms.size() == 1 ? forms.front() : Json{{"anyOf", forms}};
}

Json section_schema(const std::vector<Key>& keys);

Json key_schema(const Key& key) {
  switch (key.shape) {
    case Shape::kValue:
      return value_schema(key.value);
    case Shape::kValueList: {
      Json values{{"type", {"array", "null"}},
                  {"items", value_schema(key.value)},
                  {"maxItems", key.max_items}};
      if (key.empty_list == EmptyList::kRefused) {
        values["type"] = "array";
        values["minItems"] = 1;
      }
      if (key.lone_item == LoneItem::kRefused) return values;
      return {{"anyOf", {value_schema(key.value), std::move(values)}}};
    }
    case Shape::kSection:
      return section_schema(key.keys);
    case Shape::kSectionList:
      return {{"type", {"array", "null"}},
              {"items", section_schema(key.keys)},
              {"maxItems", key.max_items}};
    case Shape::kNamedSections: {
      Json named{{"type", {"object", "null"}}};
      if (!key.value.pattern.empty()) named["propertyNames"] = {{"pattern", key.value.pattern}};
      named["additionalProperties"] = section_schema(key.keys);
      named["maxProperties"] = key.max_items;
      return named;
    }
  }
  return {};
}

/// A key of a later version is in no list, so it is refused as an unknown one is.
Json section_schema(const std::vector<Key>& keys) {
  Json properties = Json::object();
  Json required = Json::array();
  Json alternatives = Json::array();
  for (const Key& key : keys) {
    if (key.status == Status::kPlanned) continue;
    Json schema = key_schema(key);
    std::string text = key.help;
    if (const std::string type = reference::type_of(key); key.keys.empty()) {
      text += fmt::format("\nValue: {}.", type);
    }
    const std::string absent = reference::default_of(key, "");
    if (!absent.empty() && absent != "required") text += fmt::format("\nDefault: {}.", absent);
    schema["description"] = std::move(text);
    properties[key.name] = std::move(schema);
    if (key.presence != Presence::kRequired) continue;
    if (key.unless.empty()) {
      required.push_back(key.name);
    } else {
      for (const std::string& one : {key.name, key.unless}) {
        alternatives.push_back({{"required", Json::array({one})}});
      }
    }
  }
  // A section with nothing in it is the same as none, unless something is missing in it.
  const bool may_be_empty = required.empty() && alternatives.empty();
  Json section{{"type", may_be_empty ? Json{"object", "null"} : Json("object")},
               {"additionalProperties", false}};
  if (!required.empty()) section["required"] = std::move(required);
  if (!alternatives.empty()) section["anyOf"] = std::move(alternatives);
  section["properties"] = std::move(properties);
  return section;
}

}  // namespace

std::string config_json_schema() {
  Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "Configuration of lastmiled"}};
  schema.update(section_schema(config::schema()));
  return schema.dump(1) + '\n';
}

}  // namespace lastmile

#include "cli/top/sample.h"

namespace lastmile::cli::top {
namespace {

const Json kNothing;
const Json kEmpty = Json::array();

}  // namespace

const Json& Sample::answer(std::string_view verb) const {
  const auto found = answers.find(verb);
  return found == answers.end() ? kNothing : found->second;
}

const Json& Sample::list(std::string_view verb, const char* key) const {
  const Json& data = answer(verb);
  if (!data.is_object() || !data.contains(key) || !data.at(key).is_array()) return kEmpty;
  return data.at(key);
}

Rates::Rates(const Sample* before, const Sample& now) : before_(before) {
  if (before_ != nullptr) seconds_ = std::chrono::duration<double>(now.at - before_->at).count();
}

std::optional<double> Rates::of(std::string_view verb, const char* list, const char* name_key,
                                const Json& item, const char* counter) const {
  if (before_ == nullptr || seconds_ <= 0) return std::nullopt;
  for (const Json& old : before_->list(verb, list)) {
    if (old.value(name_key, Json{}) != item.value(name_key, Json{})) continue;
    const double grown = number(item, counter) - number(old, counter);
    if (grown < 0) return std::nullopt;
    return grown / seconds_;
  }
  return std::nullopt;
}

double number(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object.at(key).is_number()) return 0;
  return object.at(key).get<double>();
}

std::string text(const Json& object, const char* key, std::string_view otherwise) {
  if (!object.is_object() || !object.contains(key)) return std::string{otherwise};
  const Json& value = object.at(key);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return std::string{otherwise};
  }
  return value.get<std::string>();
}

}  // namespace lastmile::cli::top

// Walks a YAML document against the schema and fills a Config.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/places.h"
#include "controlplane/config/schema.h"

namespace YAML {
class Node;
}

namespace lastmile::config {

/// One reading of one file. Goes on after an error, so that all of them are reported at once.
class Reader {
 public:
  Reader(std::string file, Config& config) : Reader(std::move(file), config, Scope{}) {}
  Reader(std::string file, Config& config, Scope scope)
      : file_(std::move(file)), config_(config), scope_(std::move(scope)) {
    scope_.budget = &budget_;
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void read(const YAML::Node& document);
  /// Reading ended before the file did, with an error: what else is wrong is not known.
  [[nodiscard]] bool ended() const { return ended_; }

  /// Adds an error; how the checks that come after reading report theirs.
  void complain(Place place, std::string message);

  [[nodiscard]] const Scope& scope() const { return scope_; }
  [[nodiscard]] const Places& places() const { return places_; }
  /// The value was in the file, but no good; a check that needs it has nothing to say.
  [[nodiscard]] bool failed(const std::string& path) const { return failed_.contains(path); }
  /// In file order.
  [[nodiscard]] std::vector<ConfigError> take_errors();

 private:
  void read_section(const YAML::Node& node, const std::vector<Key>& keys, void* owner,
                    const std::string& path);
  void read_key(const YAML::Node& node, Place name_place, const Key& key, void* owner,
                const std::string& path);
  void read_value(const YAML::Node& node, Place place, const Key& key, void* owner,
                  const std::string& path);
  void read_list(const YAML::Node& node, const Key& key, void* owner, const std::string& path);
  void read_names(const YAML::Node& node, const Key& key, void* owner, const std::string& path);
  void apply_defaults(const Key& key, void* owner, const std::string& path);
  void refuse_unknown(const std::string& name, Place place, const std::vector<Key>& keys,
                      const std::string& path);
  void fail(const std::string& path, Place place, std::string message);

  /// Reading ends here: the file says more than anybody means, or is wrong more often than anybody
  /// reads.
  [[nodiscard]] bool ends(Place place);

  std::string file_;
  Config& config_;
  Budget budget_;
  bool ended_ = false;
  Scope scope_;
  Places places_;
  std::set<std::string> failed_;
  std::vector<ConfigError> errors_;
};

}  // namespace lastmile::config

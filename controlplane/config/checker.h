// What all checks of a configuration need: complaints with their place, and what is known of a key.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "controlplane/config/config.h"
#include "controlplane/config/reader.h"

namespace lastmile::config {

/// "LIST[INDEX]", or "LIST[INDEX].KEY": the path of an item.
[[nodiscard]] std::string item(const std::string& list, std::size_t index,
                               const char* key = nullptr);

/// The base of the checks of one subject. `config` and `reader` outlive it.
class Checker {
 protected:
  Checker(Config& config, Reader& reader) : config_(config), reader_(reader) {}
  ~Checker() = default;
  Checker(const Checker&) = default;
  Checker& operator=(const Checker&) = delete;

  void complain(const std::string& path, std::string message);
  /// The key is there, and its value was not refused.
  [[nodiscard]] bool given(const std::string& path) const;
  /// The value was refused: nothing more is to be said of it.
  [[nodiscard]] bool failed(const std::string& path) const { return reader_.failed(path); }
  [[nodiscard]] bool any_loopback_failed() const;
  [[nodiscard]] bool failed_addresses(const PortConfig& port) const;

  /// The address of this router that `prefix` is (a part of), if there is one.
  [[nodiscard]] std::optional<IpPrefix> inside_own(const IpPrefix& prefix) const;
  /// Complains unless `address` is a neighbor on the port's link, and not ours.
  void on_link(const std::string& path, const IpAddress& address, PortId id);

  /// Values that may stand only once, each with the place that it was first met at.
  template <class Value>
  class Once {
   public:
    explicit Once(Checker& checker) : checker_(checker) {}
    void add(const Value& value, const std::string& path, const std::string& text) {
      const auto [first, is_new] = first_.emplace(value, path);
      if (is_new) return;
      checker_.complain(path, fmt::format("{} is there twice; expected once, as in line {}", text,
                                          checker_.reader_.places().of(first->second).line));
    }

   private:
    Checker& checker_;
    std::map<Value, std::string> first_;
  };

  Config& config_;
  Reader& reader_;
};

}  // namespace lastmile::config

// Options of a CLI11 command line as items of a manual page; shared with the daemon's.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "controlplane/config/roff.h"

namespace lastmile::cli {

/// The options of one group ("Options" is CLI11's own), hidden and positional ones aside.
inline void options_manual(const CLI::App& app, const std::string& group, roff::Page& page) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group() != group || option->get_positional()) continue;
    std::string names;
    const auto add = [&names](const std::string& name) {
      names += (names.empty() ? "" : ", ") + name;
    };
    for (const std::string& name : option->get_snames()) add('-' + name);
    for (const std::string& name : option->get_lnames()) add("--" + name);
    if (option->get_items_expected_max() > 0) names += ' ' + option->get_type_name();
    std::string text = option->get_description();
    if (!option->get_default_str().empty()) text += " (" + option->get_default_str() + ")";
    page.item(names, text);
  }
}

}  // namespace lastmile::cli

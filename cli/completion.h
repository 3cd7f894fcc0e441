// Completion by the shells. A script of a few lines (`lastmile completion bash`) hands the words of
// the command line to `lastmile --complete`, which answers with one candidate a line; so what is
// completed comes from the same tree as --help, in every shell.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastmile::cli {

/// The script for "bash", "zsh" or "fish"; nullopt for any other.
[[nodiscard]] std::optional<std::string> completion_script(std::string_view shell);

struct Candidate {
  std::string text;  ///< ":files" stands for the names of files
  std::string help;
};

enum class NameKind { kNeighbor, kPort };
/// Asks the daemon at a socket for the names of its BGP neighbors, or ports; empty if it can't be
/// reached.
using Names = std::function<std::vector<std::string>(NameKind kind, const std::string& socket)>;

/// What may stand for the last of `words`, which may be empty and need not be whole.
[[nodiscard]] std::vector<Candidate> complete(const std::vector<std::string>& words,
                                              const char* socket_from_environment,
                                              const Names& names);

}  // namespace lastmile::cli

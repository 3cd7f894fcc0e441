#include "cli/completion.h"

#include <algorithm>
#include <sstream>

#include "cli/arguments.h"
#include "cli/command_line.h"

namespace lastmile::cli {
namespace {

constexpr std::string_view kBash =
    R"script(# bash completion for lastmile: source <(lastmile completion bash)
_lastmile() {
  local words cur candidate help
  # Not COMP_WORDS: bash breaks words at ':', which addresses are full of.
  read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
  cur=${words[-1]}
  if [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]]; then
    words+=("")
    cur=
  fi
  COMPREPLY=()
  while IFS=$'\t' read -r candidate help; do
    if [ "$candidate" = :files ]; then
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    else
      COMPREPLY+=("$candidate")
    fi
  done < <("${words[0]}" --complete "${words[@]:1}" 2> /dev/null)
  # What stands before the last ':' is there already.
  if [[ $cur == *:* ]]; then
    local there=${cur%"${cur##*:}"} i
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$there"}; done
  fi
}
complete -F _lastmile lastmile
)script";

constexpr std::string_view kZsh = R"script(#compdef lastmile
# zsh completion for lastmile: lastmile completion zsh > "${fpath[1]}/_lastmile"
_lastmile() {
  local -a candidates
  local line
  for line in "${(@f)$("${words[1]}" --complete "${(@)words[2,CURRENT]}" 2> /dev/null)}"; do
    [[ -n $line ]] || continue
    if [[ $line == :files* ]]; then
      _files
      return
    fi
    # _describe wants NAME:HELP, with the colons of the name escaped.
    local name=${line%%$'\t'*}
    candidates+=("${name//:/\\:}:${line#*$'\t'}")
  done
  (( ${#candidates} )) && _describe lastmile candidates
}
if [ "$funcstack[1]" = _lastmile ]; then
  _lastmile "$@"
else
  compdef _lastmile lastmile
fi
)script";

constexpr std::string_view kFish =
    R"script(# fish completion for lastmile: lastmile completion fish | source
function __lastmile_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] --complete $words[2..-1] 2> /dev/null)
        if string match -q ":files*" -- $line
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c lastmile -f -a '(__lastmile_complete)'
)script";

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string{text}};
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

/// The option that a word names, "-n" or "--limit"; null if there is none.
const CLI::Option* option_named(const CLI::App& app, std::string_view word) {
  if (!word.starts_with('-') || word == "-") return nullptr;
  const std::string name{word.substr(0, word.find('='))};
  return app.get_option_no_throw(name);
}

/// What was typed before the word that is to be completed.
struct Typed {
  std::vector<std::string> words;        ///< of the verb and its argument
  const CLI::Option* wanting = nullptr;  ///< an option whose value comes next
  std::string socket;
};

Typed read(const CommandLine& line, const std::vector<std::string>& words) {
  Typed typed;
  typed.socket = line.invocation.socket;
  const std::size_t before = words.empty() ? 0 : words.size() - 1;
  for (std::size_t i = 0; i < before; ++i) {
    const bool writes = words[i] == "-w" && !typed.words.empty() && typed.words[0] == "capture";
    const CLI::Option* option = option_named(line.app, writes ? "--write" : words[i]);
    if (option == nullptr) {
      typed.words.push_back(words[i]);
      continue;
    }
    if (!takes_value(*option)) continue;
    std::string value;
    if (const std::size_t equals = words[i].find('='); equals != std::string::npos) {
      value = words[i].substr(equals + 1);
    } else if (i + 1 < before) {
      value = words[++i];
    } else {
      typed.wanting = option;
    }
    if (option->check_lname("socket") && !value.empty()) typed.socket = value;
  }
  return typed;
}

class Completer {
 public:
  Completer(const CommandLine& line, Typed typed, const Names& names)
      : line_(line), typed_(std::move(typed)), names_(names) {}

  std::vector<Candidate> run(const std::string& last) {
    if (typed_.wanting != nullptr) {
      value_of(*typed_.wanting, "");
    } else if (const std::size_t equals = last.find('=');
               equals != std::string::npos && option_named(line_.app, last) != nullptr) {
      value_of(*option_named(line_.app, last), last.substr(0, equals + 1));
    } else if (last.starts_with('-')) {
      options();
    } else {
      verb_words();
    }
    std::erase_if(found_, [&](const Candidate& candidate) {
      return candidate.text != ":files" && !candidate.text.starts_with(last);
    });
    return std::move(found_);
  }

 private:
  void add(std::string text, std::string help) {
    const bool known = std::ranges::any_of(
        found_, [&](const Candidate& candidate) { return candidate.text == text; });
    if (!known) found_.push_back({std::move(text), std::move(help)});
  }

  void value_of(const CLI::Option& option, const std::string& front) {
    const std::string type = option.get_type_name();
    if (type == "PATH") {
      if (front.empty()) add(":files", "");
    } else if (type == "NEIGHBOR") {
      for (const std::string& name : names_(NameKind::kNeighbor, typed_.socket))
        add(front + name, "BGP neighbor");
    } else if (type == "PORT") {
      for (const std::string& name : names_(NameKind::kPort, typed_.socket))
        add(front + name, "port");
    } else if (type.find('|') != std::string::npos) {
      for (const std::string& word : split(type, '|')) add(front + word, option.get_description());
    }
  }

  /// Whether this verb was typed, with or without an argument.
  [[nodiscard]] bool is_verb(const std::string& verb) const {
    const std::vector<std::string> words = split(verb, ' ');
    return words.size() <= typed_.words.size() &&
           std::equal(words.begin(), words.end(), typed_.words.begin());
  }

  void options() {
    for (const CLI::Option* option : line_.app.get_options()) {
      const std::string& group = option->get_group();
      const bool of_a_verb = std::ranges::find(kVerbGroups, group) != kVerbGroups.end();
      if (group.empty() || option->get_positional() || (of_a_verb && !is_verb(group))) continue;
      for (const std::string& name : option->get_lnames()) {
        add("--" + name, option->get_description());
      }
    }
  }

  void verb_words() {
    for (const Verb& verb : verbs()) {
      const std::vector<std::string> words = split(verb.words, ' ');
      const std::size_t typed = typed_.words.size();
      if (verb.argument == "[NEIGHBOR]..." && is_verb(std::string{verb.words})) {
        for (const std::string& name : names_(NameKind::kNeighbor, typed_.socket))
          add(name, "BGP neighbor");
      }
      if (verb.words == "capture" && is_verb("capture") && typed == words.size()) {
        for (const std::string& name : names_(NameKind::kPort, typed_.socket)) add(name, "port");
        add("any", "all ports");
        add("drops", "what is dropped, and why");
      }
      if (typed > words.size()) continue;
      if (!std::equal(typed_.words.begin(), typed_.words.end(), words.begin())) continue;
      if (typed < words.size()) {
        const bool more = typed + 1 < words.size();
        add(words[typed], more ? "" : std::string{verb.help});
      } else if (verb.argument.find('|') != std::string_view::npos &&
                 !verb.argument.starts_with('[') &&
                 verb.argument.find(' ') == std::string_view::npos) {
        for (const std::string& word : split(verb.argument, '|')) add(word, "");
      }
    }
  }

  const CommandLine& line_;
  Typed typed_;
  const Names& names_;
  std::vector<Candidate> found_;
};

}  // namespace

std::optional<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return std::string{kBash};
  if (shell == "zsh") return std::string{kZsh};
  if (shell == "fish") return std::string{kFish};
  return std::nullopt;
}

std::vector<Candidate> complete(const std::vector<std::string>& words,
                                const char* socket_from_environment, const Names& names) {
  const CommandLine line{socket_from_environment};
  return Completer{line, read(line, words), names}.run(words.empty() ? "" : words.back());
}

}  // namespace lastmile::cli

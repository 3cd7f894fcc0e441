// Writes the reference of the configuration to standard output, or its JSON schema; the build makes
// docs/configuration.md and conf/lastmile.schema.json of it.
#include <cstdio>
#include <string_view>

#include "controlplane/config/json_schema.h"
#include "controlplane/config/reference.h"

int main(int argc, char** argv) {
  const bool schema = argc > 1 && std::string_view{argv[1]} == "--json-schema";
  const std::string text =
      schema ? lastmile::config_json_schema() : lastmile::config_reference_markdown();
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}

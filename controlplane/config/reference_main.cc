// Writes the reference of the configuration to standard output; the build makes
// docs/configuration.md of it.
#include <cstdio>

#include "controlplane/config/reference.h"

int main() {
  return std::fputs(lastmile::config_reference_markdown().c_str(), stdout) < 0 ? 1 : 0;
}

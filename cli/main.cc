// lastmile: the operator's command.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "cli/run.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const lastmile::cli::Surroundings surroundings{
      std::getenv("LASTMILE_SOCKET"), ::isatty(STDOUT_FILENO) == 1, ::isatty(STDIN_FILENO) == 1};
  try {
    return lastmile::cli::run({argv + 1, argv + argc}, surroundings, std::cout, std::cerr);
  } catch (const std::exception& fault) {  // out of memory, at most
    std::cerr << "lastmile: " << fault.what() << '\n';
    return lastmile::cli::kFailure;
  }
}

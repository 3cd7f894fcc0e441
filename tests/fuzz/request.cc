// Requests on the control socket: whatever is asked, the answer is one line of JSON.
#include <cstddef>
#include <cstdint>
#include <string>

#include "controlplane/control/respond.h"
#include "tests/control/fixtures.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

namespace {

const CommandTable& commands() {
  static const test::FixedSource source;
  static const CommandTable table = [] {
    CommandTable made;
    add_show_commands(made, source);
    return made;
  }();
  return table;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string answer = commands().dispatch({reinterpret_cast<const char*>(data), size});
  require(answer.find('\n') == std::string::npos);
  const Json parsed = Json::parse(answer, nullptr, false);
  require(parsed.is_object() && parsed.contains("ok"));
  require(parsed["ok"].get<bool>() ? parsed.contains("data") : !parsed["error"].empty());
  return 0;
}

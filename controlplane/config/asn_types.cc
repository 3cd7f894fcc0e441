#include "controlplane/config/asn_types.h"

#include <fmt/format.h>

#include <limits>

#include "controlplane/config/suggest.h"

namespace lastmile::config {
namespace {

constexpr ValueShape::Range kAsns{1, 4294967294};

tl::expected<bgp::Asn, Fault> read_asn(std::string_view text) {
  const auto value = parse_decimal(text);
  if (!value) return fault("is not an AS number");
  if (*value > std::numeric_limits<std::uint32_t>::max()) return fault("is out of range");
  const auto asn = static_cast<std::uint32_t>(*value);
  if (asn == 0 || asn == bgp::kAsTrans.value() || asn == 65535 || asn == 4294967295U) {
    return fault("is a reserved AS number",
                 "expected one of your own; 64512 to 65534 and 4200000000 to 4294967294 are for "
                 "private use");
  }
  return bgp::Asn{asn};
}

}  // namespace

Type<bgp::Asn> as_number() {
  return {"an AS number from 1 to 4294967294",
          [](std::string_view text, const Scope&) { return read_asn(text); },
          ValueShape{.numbers = kAsns, .words = {}, .pattern = {}}};
}

Type<RemoteAsn> remote_as_number() {
  return {"external, internal or an AS number",
          [](std::string_view text, const Scope&) -> tl::expected<RemoteAsn, Fault> {
            if (text == "external") return RemoteAsn{RemoteAsn::Kind::kExternal, {}};
            if (text == "internal") return RemoteAsn{RemoteAsn::Kind::kInternal, {}};
            if (!text.empty() && is_digit(text.front())) {
              return read_asn(text).map([](bgp::Asn asn) {
                return RemoteAsn{RemoteAsn::Kind::kNumber, asn};
              });
            }
            const std::vector<std::string> words{"external", "internal"};
            return fault("is unknown", hint(text, words, ""));
          },
          ValueShape{.numbers = kAsns, .words = {"external", "internal"}, .pattern = {}}};
}

}  // namespace lastmile::config

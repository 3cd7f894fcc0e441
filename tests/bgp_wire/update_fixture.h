// Reading UPDATEs back, and the pieces that they are written with.
#pragma once

#include <gtest/gtest.h>

#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {

inline const std::string kOrigin = "40 01 01 00 ";
inline const std::string kPath = "40 02 06 02 01 0000fde9 ";
inline const std::string kGlobal = "20010db8000000000000000000000001";
inline const std::string kLinkLocal = "fe800000000000000000000000000001";
inline const std::string kUnspecified = "00000000000000000000000000000000";
inline const std::string kV6Nlri = "30 20010db80001 ";

inline CodecContext two_octet() {
  CodecContext context;
  context.four_octet_asn = false;
  return context;
}

inline CodecContext internal() {
  CodecContext context;
  context.external_peer = false;
  return context;
}

inline Update decoded(const Bytes& bytes, const CodecContext& context = {}) {
  const auto result = decode(bytes, context);
  EXPECT_TRUE(result.has_value()) << to_string(result.error());
  return result ? std::get<Update>(*result) : Update{};
}

// All UPDATEs of a stream.
inline std::vector<Update> decoded_stream(const Bytes& stream, const CodecContext& context) {
  std::vector<Update> updates;
  MessageReader reader;
  reader.append(stream);
  while (auto next = reader.next(context)) {
    EXPECT_TRUE(next->has_value()) << to_string(next->error());
    if (!next->has_value()) break;
    updates.push_back(std::get<Update>(**next));
  }
  return updates;
}

}  // namespace lastmile::bgp::test

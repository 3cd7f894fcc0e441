// Malformed UPDATEs as a table: what arrives, which clause speaks of it, what has to come of it.
//
// Every case announces 10.1.0.0/16 (or 2001:db8:1::/48 in MP_REACH_NLRI) unless it says otherwise,
// so that treat-as-withdraw is seen as a withdrawal of that route.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {
namespace {

enum class Peer { kExternal, kInternal, kTwoOctet, kExtendedNextHop, kAigp };
enum class Outcome { kAccept, kDiscard, kWithdraw, kReset };

struct Case {
  const char* name;
  const char* clause;
  Peer peer;
  const char* attributes;
  Outcome outcome;
  unsigned code = 0;      // attribute of the first fault; subcode of the NOTIFICATION for a reset
  const char* data = "";  // of the NOTIFICATION
  const char* nlri = "10 0a01";
  const char* withdrawn = "";
};

// Words in capitals stand for well-formed attributes, and for pieces of them.
struct Word {
  std::string_view name;
  const char* meaning;
};

constexpr Word kWords[] = {
    {"ORIGIN", "40 01 01 00"},
    {"PATH", "40 02 06 02 01 0000fde9"},
    {"PATH2", "40 02 04 02 01 fde9"},
    {"HOP", "40 03 04 0a000001"},
    {"LOCAL_PREF", "40 05 04 00000064"},
    {"BASE", "ORIGIN PATH HOP"},
    {"BASE2", "ORIGIN PATH2 HOP"},
    {"INTERNAL_BASE", "BASE LOCAL_PREF"},
    {"GLOBAL", "20010db8000000000000000000000001"},
    {"LINK_LOCAL", "fe800000000000000000000000000001"},
    {"V6_NLRI", "30 20010db80001"},
    {"MP_REACH", "80 0e 1c 0002 01 10 GLOBAL 00 V6_NLRI"},
    {"MP_BASE", "MP_REACH ORIGIN PATH"},
};

Bytes octets(std::string_view text) {
  Bytes bytes;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view token = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto* word = std::find_if(std::begin(kWords), std::end(kWords),
                                    [&](const Word& w) { return w.name == token; });
    append(bytes, word != std::end(kWords) ? octets(word->meaning) : hex(token));
  }
  return bytes;
}

// clang-format off
constexpr Case kCases[] = {
    {"WellFormed", "4271 4.3", Peer::kExternal, "BASE", Outcome::kAccept},
    {"WellFormedInternal", "4271 4.3", Peer::kInternal, "INTERNAL_BASE", Outcome::kAccept},
    {"WellFormedTwoOctet", "6793 4.2.2", Peer::kTwoOctet, "BASE2", Outcome::kAccept},
    {"WellFormedMp", "4760 3", Peer::kExternal, "MP_BASE", Outcome::kAccept, 0, "", ""},
    {"ExtendedLengthOfShortValue", "4271 4.3", Peer::kExternal,
     "50 01 0001 00 PATH HOP", Outcome::kAccept},
    {"LowFlagBitsIgnored", "4271 4.3", Peer::kExternal, "47 01 01 00 PATH HOP", Outcome::kAccept},
    {"PartialOnWellKnownIgnored", "7606 3c", Peer::kExternal, "60 01 01 00 PATH HOP", Outcome::kAccept},

    // ORIGIN
    {"OriginEgp", "7606 7.1", Peer::kExternal, "40 01 01 01 PATH HOP", Outcome::kAccept},
    {"OriginIncomplete", "7606 7.1", Peer::kExternal, "40 01 01 02 PATH HOP", Outcome::kAccept},
    {"OriginUndefined3", "7606 7.1", Peer::kExternal, "40 01 01 03 PATH HOP", Outcome::kWithdraw, 1},
    {"OriginUndefined255", "7606 7.1", Peer::kExternal, "40 01 01 ff PATH HOP", Outcome::kWithdraw, 1},
    {"OriginLength0", "7606 7.1", Peer::kExternal, "40 01 00 PATH HOP", Outcome::kWithdraw, 1},
    {"OriginLength2", "7606 7.1", Peer::kExternal, "40 01 02 0000 PATH HOP", Outcome::kWithdraw, 1},
    {"OriginFlagsOptional", "7606 3c", Peer::kExternal, "c0 01 01 00 PATH HOP", Outcome::kWithdraw, 1},
    {"OriginFlagsNonTransitive", "7606 3c", Peer::kExternal, "00 01 01 00 PATH HOP", Outcome::kWithdraw, 1},
    {"OriginMissing", "7606 3d", Peer::kExternal, "PATH HOP", Outcome::kWithdraw, 1},
    {"OriginTwice", "7606 3g", Peer::kExternal, "BASE 40 01 01 02", Outcome::kDiscard, 1},

    // AS_PATH
    {"PathEmpty", "7606 4", Peer::kExternal, "ORIGIN 40 02 00 HOP", Outcome::kAccept},
    {"PathSet", "4271 4.3", Peer::kExternal, "ORIGIN 40 02 0a 01 02 0000fde9 0000fdea HOP", Outcome::kAccept},
    {"PathUnknownSegment0", "7606 7.2", Peer::kExternal, "ORIGIN 40 02 06 00 01 0000fde9 HOP", Outcome::kWithdraw, 2},
    {"PathUnknownSegment5", "7606 7.2", Peer::kExternal, "ORIGIN 40 02 06 05 01 0000fde9 HOP", Outcome::kWithdraw, 2},
    {"PathSegmentEmpty", "7606 7.2", Peer::kExternal, "ORIGIN 40 02 02 02 00 HOP", Outcome::kWithdraw, 2},
    {"PathSegmentOverrun", "7606 7.2", Peer::kExternal, "ORIGIN 40 02 06 02 02 0000fde9 HOP", Outcome::kWithdraw, 2},
    {"PathSegmentUnderrun", "7606 7.2", Peer::kExternal, "ORIGIN 40 02 07 02 01 0000fde9 02 HOP", Outcome::kWithdraw, 2},
    {"PathSecondSegmentOverrun", "7606 7.2", Peer::kExternal, "ORIGIN 40 02 0a 02 01 0000fde9 02 01 0000 HOP", Outcome::kWithdraw, 2},
    {"PathTwoOctetNumbersFromFourOctetPeer", "7606 7.2", Peer::kExternal, "ORIGIN PATH2 HOP", Outcome::kWithdraw, 2},
    {"PathAsZero", "7607 2", Peer::kExternal, "ORIGIN 40 02 0a 02 02 0000fde9 00000000 HOP", Outcome::kWithdraw, 2},
    {"PathAsZeroTwoOctet", "7607 2", Peer::kTwoOctet, "ORIGIN 40 02 04 02 01 0000 HOP", Outcome::kWithdraw, 2},
    {"PathConfederationFromExternal", "5065 5", Peer::kExternal, "ORIGIN 40 02 06 03 01 0000fde9 HOP", Outcome::kWithdraw, 2},
    {"PathConfederationSetFromExternal", "5065 5", Peer::kExternal, "ORIGIN 40 02 06 04 01 0000fde9 HOP", Outcome::kWithdraw, 2},
    {"PathConfederationFromInternal", "5065 5", Peer::kInternal, "ORIGIN 40 02 06 03 01 0000fde9 HOP LOCAL_PREF", Outcome::kAccept},
    {"PathFlags", "7606 3c", Peer::kExternal, "ORIGIN 80 02 06 02 01 0000fde9 HOP", Outcome::kWithdraw, 2},
    {"PathMissing", "7606 3d", Peer::kExternal, "ORIGIN HOP", Outcome::kWithdraw, 2},
    {"PathTwice", "7606 3g", Peer::kExternal, "BASE 40 02 00", Outcome::kDiscard, 2},

    // NEXT_HOP
    {"HopUnspecified", "4271 5.1.3", Peer::kExternal, "ORIGIN PATH 40 03 04 00000000", Outcome::kAccept},
    {"HopLength3", "7606 7.3", Peer::kExternal, "ORIGIN PATH 40 03 03 0a0000", Outcome::kWithdraw, 3},
    {"HopLength16", "7606 7.3", Peer::kExternal, "ORIGIN PATH 40 03 10 GLOBAL", Outcome::kWithdraw, 3},
    {"HopLength0", "7606 7.3", Peer::kExternal, "ORIGIN PATH 40 03 00", Outcome::kWithdraw, 3},
    {"HopMulticast", "4271 6.3", Peer::kExternal, "ORIGIN PATH 40 03 04 e0000001", Outcome::kWithdraw, 3},
    {"HopReserved", "4271 6.3", Peer::kExternal, "ORIGIN PATH 40 03 04 f0000001", Outcome::kWithdraw, 3},
    {"HopLoopback", "4271 6.3", Peer::kExternal, "ORIGIN PATH 40 03 04 7f000001", Outcome::kWithdraw, 3},
    {"HopBroadcast", "4271 6.3", Peer::kExternal, "ORIGIN PATH 40 03 04 ffffffff", Outcome::kWithdraw, 3},
    {"HopFlags", "7606 3c", Peer::kExternal, "ORIGIN PATH c0 03 04 0a000001", Outcome::kWithdraw, 3},
    {"HopMissing", "7606 3d", Peer::kExternal, "ORIGIN PATH", Outcome::kWithdraw, 3},
    {"HopTwice", "7606 3g", Peer::kExternal, "BASE 40 03 04 0a000002", Outcome::kDiscard, 3},
    {"HopBesideMpReachIgnored", "4760 3", Peer::kExternal, "MP_BASE 40 03 04 e0000001", Outcome::kAccept, 0, "", ""},

    // MULTI_EXIT_DISC
    {"Med", "4271 5.1.4", Peer::kExternal, "BASE 80 04 04 00000064", Outcome::kAccept},
    {"MedLength3", "7606 7.4", Peer::kExternal, "BASE 80 04 03 000000", Outcome::kWithdraw, 4},
    {"MedLength5", "7606 7.4", Peer::kExternal, "BASE 80 04 05 0000000000", Outcome::kWithdraw, 4},
    {"MedLength0", "7606 4", Peer::kExternal, "BASE 80 04 00", Outcome::kWithdraw, 4},
    {"MedFlagsTransitive", "7606 3c", Peer::kExternal, "BASE c0 04 04 00000064", Outcome::kWithdraw, 4},
    {"MedTwice", "7606 3g", Peer::kExternal, "BASE 80 04 04 00000064 80 04 04 00000065", Outcome::kDiscard, 4},

    // LOCAL_PREF
    {"LocalPrefFromExternal", "7606 7.5", Peer::kExternal, "BASE LOCAL_PREF", Outcome::kDiscard, 5},
    {"LocalPrefMalformedFromExternal", "7606 7.5", Peer::kExternal, "BASE 40 05 02 0000", Outcome::kDiscard, 5},
    {"LocalPrefLength2", "7606 7.5", Peer::kInternal, "BASE 40 05 02 0000", Outcome::kWithdraw, 5},
    {"LocalPrefFlags", "7606 3c", Peer::kInternal, "BASE 80 05 04 00000064", Outcome::kWithdraw, 5},
    {"LocalPrefMissing", "4271 5.1.5", Peer::kInternal, "BASE", Outcome::kWithdraw, 5},

    // ATOMIC_AGGREGATE
    {"Atomic", "4271 5.1.6", Peer::kExternal, "BASE 40 06 00", Outcome::kAccept},
    {"AtomicLength1", "7606 7.6", Peer::kExternal, "BASE 40 06 01 00", Outcome::kDiscard, 6},
    {"AtomicFlags", "7606 3c", Peer::kExternal, "BASE c0 06 00", Outcome::kWithdraw, 6},
    {"AtomicTwice", "7606 3g", Peer::kExternal, "BASE 40 06 00 40 06 00", Outcome::kDiscard, 6},

    // AGGREGATOR
    {"Aggregator", "4271 5.1.7", Peer::kExternal, "BASE c0 07 08 0000fde9 0a000001", Outcome::kAccept},
    {"AggregatorLength6FromFourOctetPeer", "7606 7.7", Peer::kExternal, "BASE c0 07 06 fde9 0a000001", Outcome::kDiscard, 7},
    {"AggregatorLength8FromTwoOctetPeer", "7606 7.7", Peer::kTwoOctet, "BASE2 c0 07 08 0000fde9 0a000001", Outcome::kDiscard, 7},
    {"AggregatorLength6FromTwoOctetPeer", "7606 7.7", Peer::kTwoOctet, "BASE2 c0 07 06 fde9 0a000001", Outcome::kAccept},
    {"AggregatorLength0", "7606 7.7", Peer::kExternal, "BASE c0 07 00", Outcome::kDiscard, 7},
    {"AggregatorAsZero", "7607 2", Peer::kExternal, "BASE c0 07 08 00000000 0a000001", Outcome::kDiscard, 7},
    {"AggregatorFlags", "7606 3c", Peer::kExternal, "BASE 40 07 08 0000fde9 0a000001", Outcome::kWithdraw, 7},

    // COMMUNITIES
    {"Communities", "1997", Peer::kExternal, "BASE c0 08 08 fde90001 ffffff01", Outcome::kAccept},
    {"CommunitiesPartial", "4271 5", Peer::kExternal, "BASE e0 08 04 fde90001", Outcome::kAccept},
    {"CommunitiesLength0", "7606 7.8", Peer::kExternal, "BASE c0 08 00", Outcome::kWithdraw, 8},
    {"CommunitiesLength6", "7606 7.8", Peer::kExternal, "BASE c0 08 06 fde900010000", Outcome::kWithdraw, 8},
    {"CommunitiesFlags", "7606 3c", Peer::kExternal, "BASE 80 08 04 fde90001", Outcome::kWithdraw, 8},
    {"CommunitiesTwice", "7606 3g", Peer::kExternal, "BASE c0 08 04 fde90001 c0 08 04 fde90002", Outcome::kDiscard, 8},

    // ORIGINATOR_ID, CLUSTER_LIST
    {"OriginatorFromExternal", "7606 7.9", Peer::kExternal, "BASE 80 09 04 0a000001", Outcome::kDiscard, 9},
    {"OriginatorMalformedFromExternal", "7606 7.9", Peer::kExternal, "BASE 80 09 01 0a", Outcome::kDiscard, 9},
    {"Originator", "4456 8", Peer::kInternal, "INTERNAL_BASE 80 09 04 0a000001", Outcome::kAccept},
    {"OriginatorLength5", "7606 7.9", Peer::kInternal, "INTERNAL_BASE 80 09 05 0a00000100", Outcome::kWithdraw, 9},
    {"OriginatorFlags", "7606 3c", Peer::kInternal, "INTERNAL_BASE c0 09 04 0a000001", Outcome::kWithdraw, 9},
    {"ClusterListFromExternal", "7606 7.10", Peer::kExternal, "BASE 80 0a 04 0a000001", Outcome::kDiscard, 10},
    {"ClusterList", "4456 8", Peer::kInternal, "INTERNAL_BASE 80 0a 08 0a000001 0a000002", Outcome::kAccept},
    {"ClusterListLength0", "7606 7.10", Peer::kInternal, "INTERNAL_BASE 80 0a 00", Outcome::kWithdraw, 10},
    {"ClusterListLength7", "7606 7.10", Peer::kInternal, "INTERNAL_BASE 80 0a 07 0a000001 0a0000", Outcome::kWithdraw, 10},
    {"ClusterListFlags", "7606 3c", Peer::kInternal, "INTERNAL_BASE 40 0a 04 0a000001", Outcome::kWithdraw, 10},

    // MP_REACH_NLRI
    {"MpReachLength4", "7606 5.3", Peer::kExternal, "BASE 80 0e 04 0002 01 00", Outcome::kReset, 9, "80 0e 04 0002 01 00"},
    {"MpReachNextHopLength0", "7606 7.11", Peer::kExternal, "ORIGIN PATH 80 0e 05 0002 01 00 00", Outcome::kReset, 9, "80 0e 05 0002 01 00 00", ""},
    {"MpReachNextHopLength4ForIpv6", "7606 7.11", Peer::kExternal, "80 0e 09 0002 01 04 0a000001 00", Outcome::kReset, 9, "80 0e 09 0002 01 04 0a000001 00", ""},
    {"MpReachNextHopLength24", "7606 7.11", Peer::kExternal, "80 0e 1d 0002 01 18 0000000000000000 GLOBAL 00", Outcome::kReset, 9,
     "80 0e 1d 0002 01 18 0000000000000000 GLOBAL 00", ""},
    {"MpReachNextHopOverrun", "7606 7.11", Peer::kExternal, "80 0e 14 0002 01 20 GLOBAL", Outcome::kReset, 9, "80 0e 14 0002 01 20 GLOBAL", ""},
    {"MpReachNoReservedOctet", "7606 5.3", Peer::kExternal, "80 0e 14 0002 01 10 GLOBAL", Outcome::kReset, 9, "80 0e 14 0002 01 10 GLOBAL", ""},
    {"MpReachPrefixTooLong", "7606 5.3", Peer::kExternal, "80 0e 16 0002 01 10 GLOBAL 00 81", Outcome::kReset, 9, "80 0e 16 0002 01 10 GLOBAL 00 81", ""},
    {"MpReachPrefixOverrun", "7606 5.3", Peer::kExternal, "80 0e 18 0002 01 10 GLOBAL 00 30 2001", Outcome::kReset, 9,
     "80 0e 18 0002 01 10 GLOBAL 00 30 2001", ""},
    {"MpReachFlags", "7606 3c", Peer::kExternal, "c0 0e 1c 0002 01 10 GLOBAL 00 V6_NLRI ORIGIN PATH", Outcome::kWithdraw, 14, "", ""},
    {"MpReachFlagsAndBrokenNlri", "7606 5.3", Peer::kExternal, "c0 0e 16 0002 01 10 GLOBAL 00 81", Outcome::kReset, 9, "c0 0e 16 0002 01 10 GLOBAL 00 81", ""},
    {"MpReachTwice", "7606 3g", Peer::kExternal, "MP_BASE MP_REACH", Outcome::kReset, 1, "", ""},
    {"MpReachCut", "7606 3j", Peer::kExternal, "ORIGIN PATH 80 0e 40 0002 01 10", Outcome::kReset, 9, "80 0e 40 0002 01 10", ""},
    {"MpReachLinkLocalOnly", "8950 3", Peer::kExternal, "80 0e 1c 0002 01 10 LINK_LOCAL 00 V6_NLRI ORIGIN PATH", Outcome::kAccept, 0, "", ""},
    {"MpReachMulticastNextHop", "4271 6.3", Peer::kExternal, "80 0e 1c 0002 01 10 ff020000000000000000000000000001 00 V6_NLRI ORIGIN PATH", Outcome::kWithdraw, 14, "", ""},
    {"MpReachReservedNextHop", "4271 6.3", Peer::kExternal, "80 0e 0c 0001 01 04 f0000001 00 10 0a01 ORIGIN PATH", Outcome::kWithdraw, 14, "", ""},
    {"MpReachLoopbackNextHop", "4271 6.3", Peer::kExternal, "80 0e 1c 0002 01 10 00000000000000000000000000000001 00 V6_NLRI ORIGIN PATH", Outcome::kWithdraw, 14, "", ""},
    {"MpReachIpv4NotAgreed", "8950 4", Peer::kExternal, "80 0e 18 0001 01 10 LINK_LOCAL 00 10 0a01 ORIGIN PATH", Outcome::kWithdraw, 14, "", ""},
    {"MpReachIpv4Agreed", "8950 4", Peer::kExtendedNextHop, "80 0e 18 0001 01 10 LINK_LOCAL 00 10 0a01 ORIGIN PATH", Outcome::kAccept, 0, "", ""},
    {"MpReachIpv4Classic", "4760 3", Peer::kExternal, "80 0e 0c 0001 01 04 0a000001 00 10 0a01 ORIGIN PATH", Outcome::kAccept, 0, "", ""},
    {"MpReachOriginMissing", "7606 3d", Peer::kExternal, "MP_REACH PATH", Outcome::kWithdraw, 1, "", ""},
    {"MpReachWithBrokenOrigin", "7606 7.1", Peer::kExternal, "MP_REACH 40 01 01 09 PATH", Outcome::kWithdraw, 1, "", ""},
    {"MpReachUnknownFamily", "4760 7", Peer::kExternal, "BASE 80 0e 06 0019 46 01 00 00", Outcome::kDiscard, 14},
    {"MpReachUnknownSafi", "4760 7", Peer::kExternal, "BASE 80 0e 06 0001 80 01 00 00", Outcome::kDiscard, 14},

    // MP_UNREACH_NLRI
    {"MpUnreachLength2", "7606 5.3", Peer::kExternal, "BASE 80 0f 02 0002", Outcome::kReset, 9, "80 0f 02 0002"},
    {"MpUnreachPrefixTooLong", "7606 5.3", Peer::kExternal, "80 0f 04 0002 01 81", Outcome::kReset, 9, "80 0f 04 0002 01 81", ""},
    {"MpUnreachPrefixOverrun", "7606 5.3", Peer::kExternal, "80 0f 06 0002 01 30 2001", Outcome::kReset, 9, "80 0f 06 0002 01 30 2001", ""},
    {"MpUnreachFlags", "7606 3c", Peer::kExternal, "40 0f 0a 0002 01 V6_NLRI", Outcome::kWithdraw, 15, "", ""},
    {"MpUnreachFlagsBesideBrokenAttribute", "7606 5.2", Peer::kExternal, "40 0f 0a 0002 01 V6_NLRI 80 04 03 000000", Outcome::kReset, 4, "40 0f 0a 0002 01 V6_NLRI", ""},
    {"MpUnreachTwice", "7606 3g", Peer::kExternal, "80 0f 03 0002 01 80 0f 03 0002 01", Outcome::kReset, 1, "", ""},
    {"MpUnreachUnknownFamily", "4760 7", Peer::kExternal, "BASE 80 0f 03 0019 46", Outcome::kDiscard, 15},

    // EXTENDED COMMUNITIES, LARGE_COMMUNITY
    {"Extended", "4360", Peer::kExternal, "BASE c0 10 08 0002fde900000001", Outcome::kAccept},
    {"ExtendedUnknownType", "7606 7.14", Peer::kExternal, "BASE c0 10 08 ffffffffffffffff", Outcome::kAccept},
    {"ExtendedLength0", "7606 7.14", Peer::kExternal, "BASE c0 10 00", Outcome::kWithdraw, 16},
    {"ExtendedLength12", "7606 7.14", Peer::kExternal, "BASE c0 10 0c 0002fde900000001 00000000", Outcome::kWithdraw, 16},
    {"ExtendedFlags", "7606 3c", Peer::kExternal, "BASE 40 10 08 0002fde900000001", Outcome::kWithdraw, 16},
    {"Large", "8092 3", Peer::kExternal, "BASE c0 20 0c 0000fde9 00000001 00000002", Outcome::kAccept},
    {"LargeLength0", "8092 6", Peer::kExternal, "BASE c0 20 00", Outcome::kWithdraw, 32},
    {"LargeLength8", "8092 6", Peer::kExternal, "BASE c0 20 08 0000fde9 00000001", Outcome::kWithdraw, 32},
    {"LargeFlags", "7606 3c", Peer::kExternal, "BASE 80 20 0c 0000fde9 00000001 00000002", Outcome::kWithdraw, 32},

    // AS4_PATH, AS4_AGGREGATOR
    {"As4PathFromFourOctetPeer", "6793 4.1", Peer::kExternal, "BASE c0 11 06 02 01 00010001", Outcome::kDiscard, 17},
    {"As4Path", "6793 4.2.3", Peer::kTwoOctet, "BASE2 c0 11 06 02 01 00010001", Outcome::kAccept},
    {"As4PathLength5", "6793 6", Peer::kTwoOctet, "BASE2 c0 11 05 02 01 000100", Outcome::kDiscard, 17},
    {"As4PathLength7", "6793 6", Peer::kTwoOctet, "BASE2 c0 11 07 02 01 00010001 00", Outcome::kDiscard, 17},
    {"As4PathOverrun", "6793 6", Peer::kTwoOctet, "BASE2 c0 11 06 02 02 00010001", Outcome::kDiscard, 17},
    {"As4PathUnknownSegment", "6793 6", Peer::kTwoOctet, "BASE2 c0 11 06 07 01 00010001", Outcome::kDiscard, 17},
    {"As4PathAsZero", "7607 2", Peer::kTwoOctet, "BASE2 c0 11 06 02 01 00000000", Outcome::kDiscard, 17},
    {"As4AggregatorLength6", "6793 6", Peer::kTwoOctet, "BASE2 c0 12 06 fde9 0a000001", Outcome::kDiscard, 18},
    {"As4AggregatorAsZero", "7607 2", Peer::kTwoOctet, "BASE2 c0 12 08 00000000 0a000001", Outcome::kDiscard, 18},

    // ONLY_TO_CUSTOMER
    {"OnlyToCustomer", "9234 5", Peer::kExternal, "BASE c0 23 04 0000fde9", Outcome::kAccept},
    {"OnlyToCustomerPartial", "4271 5", Peer::kExternal, "BASE e0 23 04 0000fde9", Outcome::kAccept},
    {"OnlyToCustomerLength3", "9234 5", Peer::kExternal, "BASE c0 23 03 00fde9", Outcome::kWithdraw, 35},
    {"OnlyToCustomerLength8", "9234 5", Peer::kExternal, "BASE c0 23 08 0000fde9 0000fdea", Outcome::kWithdraw, 35},
    {"OnlyToCustomerEmpty", "9234 5", Peer::kExternal, "BASE c0 23 00", Outcome::kWithdraw, 35},
    {"OnlyToCustomerFlags", "7606 3c", Peer::kExternal, "BASE 80 23 04 0000fde9", Outcome::kWithdraw, 35},
    {"OnlyToCustomerTwice", "7606 3g", Peer::kExternal, "BASE c0 23 04 0000fde9 c0 23 04 0000fdea", Outcome::kDiscard, 35},

    // Unknown attributes
    {"UnknownOptionalTransitive", "4271 5", Peer::kExternal, "BASE c0 63 02 abcd", Outcome::kAccept},
    {"UnknownOptionalNonTransitive", "4271 5", Peer::kExternal, "BASE 80 63 02 abcd", Outcome::kAccept},
    {"UnknownOptionalEmpty", "4271 5", Peer::kExternal, "BASE c0 63 00", Outcome::kAccept},
    {"UnknownWellKnown", "4271 6.3", Peer::kExternal, "BASE 40 63 02 abcd", Outcome::kReset, 2, "40 63 02 abcd"},
    {"UnknownTwice", "7606 3g", Peer::kExternal, "BASE c0 63 01 aa c0 63 01 bb", Outcome::kDiscard, 99},
    {"AttributeCodeZero", "4271 6.3", Peer::kExternal, "BASE 40 00 00", Outcome::kReset, 2, "40 00 00"},

    // Lengths inside the list
    {"OneOctetLeft", "7606 4", Peer::kExternal, "BASE 40", Outcome::kWithdraw, 0},
    {"TwoOctetsLeft", "7606 4", Peer::kExternal, "BASE 40 01", Outcome::kWithdraw, 1},
    {"ThreeOctetsLeftOfExtended", "7606 4", Peer::kExternal, "BASE d0 08 00", Outcome::kWithdraw, 8},
    {"AttributeOverrun", "7606 4", Peer::kExternal, "BASE c0 08 05 fde90001", Outcome::kWithdraw, 8},
    {"AttributeOverrunExtended", "7606 4", Peer::kExternal, "BASE d0 08 ffff fde90001", Outcome::kWithdraw, 8},

    // Several errors: the strongest wins
    {"DiscardAndWithdraw", "7606 3h", Peer::kExternal, "BASE 40 06 01 00 80 04 03 000000", Outcome::kWithdraw, 6},
    {"WithdrawAndReset", "7606 3h", Peer::kExternal, "ORIGIN 40 02 02 02 00 HOP 40 63 00", Outcome::kReset, 2, "40 63 00"},

    // AIGP: whatever is wrong, only the attribute goes
    {"Aigp", "7311 3", Peer::kAigp, "BASE 80 1a 0b 01 000b 0000000000000064", Outcome::kAccept},
    {"AigpBehindAnUnknownTlv", "7311 3", Peer::kAigp, "BASE 80 1a 10 02 0005 abcd 01 000b 0000000000000064", Outcome::kAccept},
    {"AigpTwice", "7311 3", Peer::kAigp, "BASE 80 1a 16 01 000b 0000000000000064 01 000b 0000000000000001", Outcome::kAccept},
    {"AigpWithoutMetric", "7311 3.2", Peer::kAigp, "BASE 80 1a 03 02 0003", Outcome::kAccept},
    {"AigpEmpty", "7311 3.2", Peer::kAigp, "BASE 80 1a 00", Outcome::kAccept},
    {"AigpTransitive", "7311 3.2", Peer::kAigp, "BASE c0 1a 0b 01 000b 0000000000000064", Outcome::kDiscard, 26},
    {"AigpLargest", "7311 3.2", Peer::kAigp, "BASE 80 1a 0b 01 000b ffffffffffffffff", Outcome::kDiscard, 26},
    {"AigpMetricLength", "7311 3.2", Peer::kAigp, "BASE 80 1a 07 01 0007 00000064", Outcome::kDiscard, 26},
    {"AigpTlvCut", "7311 3.2", Peer::kAigp, "BASE 80 1a 02 01 00", Outcome::kDiscard, 26},
    {"AigpTlvOverrun", "7311 3.2", Peer::kAigp, "BASE 80 1a 0b 01 000c 0000000000000064", Outcome::kDiscard, 26},
    {"AigpTlvShorterThanItself", "7311 3.2", Peer::kAigp, "BASE 80 1a 03 01 0002", Outcome::kDiscard, 26},
    {"AigpAppearsTwice", "7606 3g", Peer::kAigp, "BASE 80 1a 0b 01 000b 0000000000000064 80 1a 00", Outcome::kDiscard, 26},
    {"AigpWhereItIsNotAgreedOn", "7311 3.3", Peer::kExternal, "BASE c0 1a 02 01 00", Outcome::kAccept},

    // No reachable routes
    {"BrokenAttributesWithoutRoutes", "7606 5.2", Peer::kExternal, "40 01 01 09 PATH HOP", Outcome::kReset, 6, "40 01 01 09", ""},
    {"BrokenAttributesBesideUnreach", "7606 5.2", Peer::kExternal, "80 0f 0a 0002 01 V6_NLRI 80 04 03 000000", Outcome::kReset, 5, "80 04 03 000000", ""},
    {"AttributeListCutWithoutRoutes", "7606 5.2", Peer::kExternal, "40", Outcome::kReset, 1, "", ""},

    // NLRI and Withdrawn Routes
    {"NlriLength33", "7606 5.3", Peer::kExternal, "BASE", Outcome::kReset, 10, "", "21 0a00000000"},
    {"NlriOverrun", "7606 5.3", Peer::kExternal, "BASE", Outcome::kReset, 10, "", "18 0a01"},
    {"WithdrawnLength33", "7606 3i", Peer::kExternal, "", Outcome::kReset, 10, "", "", "21 0a00000000"},
    {"WithdrawnOverrun", "7606 3i", Peer::kExternal, "", Outcome::kReset, 10, "", "", "20 0a0000"},
};
// clang-format on

CodecContext context_of(Peer peer) {
  CodecContext context;
  context.four_octet_asn = peer != Peer::kTwoOctet;
  context.external_peer = peer != Peer::kInternal;
  context.aigp = peer == Peer::kAigp;
  if (peer == Peer::kExtendedNextHop) context.extended_next_hop = {Family::kIpv4Unicast};
  return context;
}

bool holds_route(const NlriList& list) {
  if (const auto* v4 = std::get_if<std::vector<Nlri<Ipv4Address>>>(&list)) {
    return *v4 == std::vector{nlri("10.1.0.0/16")};
  }
  return std::get<1>(list) == std::vector{nlri<Ipv6Address>("2001:db8:1::/48")};
}

class Rfc7606 : public testing::TestWithParam<Case> {};

TEST_P(Rfc7606, Outcome) {
  const Case& c = GetParam();
  SCOPED_TRACE(std::string("RFC ") + c.clause);
  const Bytes bytes = update(octets(c.withdrawn), octets(c.attributes), octets(c.nlri));
  const auto decoded = decode(exact_copy(bytes, bytes.size()), context_of(c.peer));

  if (c.outcome == Outcome::kReset) {
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().code, 3);
    EXPECT_EQ(decoded.error().subcode, c.code);
    EXPECT_EQ(to_hex(decoded.error().data), to_hex(octets(c.data)));
    return;
  }
  ASSERT_TRUE(decoded.has_value()) << to_string(decoded.error());
  const Update& got = std::get<Update>(*decoded);
  if (c.outcome == Outcome::kAccept) {
    EXPECT_TRUE(got.faults.empty()) << got.faults[0].reason;
  } else {
    ASSERT_FALSE(got.faults.empty());
    EXPECT_EQ(got.faults[0].code, c.code) << got.faults[0].reason;
    EXPECT_NE(got.faults[0].reason.find("RFC"), std::string::npos) << got.faults[0].reason;
  }
  if (c.outcome == Outcome::kWithdraw) {
    EXPECT_TRUE(got.reach.empty());
    ASSERT_EQ(got.unreach.size(), 1U);
    EXPECT_TRUE(holds_route(got.unreach[0].nlri));
    EXPECT_EQ(got.faults.back().outcome, AttributeFault::Outcome::kTreatAsWithdraw);
    EXPECT_EQ(got.attributes, PathAttributes{});
  } else {
    EXPECT_TRUE(got.unreach.empty());
    ASSERT_EQ(got.reach.size(), 1U);
    EXPECT_TRUE(holds_route(got.reach[0].nlri));
    EXPECT_EQ(got.attributes.as_path.count(Asn{0}), 0U);
    for (const AttributeFault& fault : got.faults) {
      EXPECT_EQ(fault.outcome, AttributeFault::Outcome::kAttributeDiscard) << fault.reason;
    }
  }
  EXPECT_FALSE(got.end_of_rib.has_value());
}

INSTANTIATE_TEST_SUITE_P(Table, Rfc7606, testing::ValuesIn(kCases),
                         [](const auto& parameter) { return parameter.param.name; });

// Every truncation of every case is some message or some NOTIFICATION; under AddressSanitizer, this
// also says that nothing beyond the end was read.
TEST_P(Rfc7606, TruncationsAreDecodedSafely) {
  const Case& c = GetParam();
  const Bytes bytes = update(octets(c.withdrawn), octets(c.attributes), octets(c.nlri));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Bytes cut = exact_copy(bytes, size);
    EXPECT_FALSE(decode(cut, context_of(c.peer)).has_value()) << "the header's length is a lie";
    if (size < kHeaderSize) continue;
    cut[16] = static_cast<std::uint8_t>(size >> 8);
    cut[17] = static_cast<std::uint8_t>(size);
    (void)decode(cut, context_of(c.peer));
  }
}

TEST(Rfc7606Limits, FloodOfFaultsIsCutShort) {
  std::string attributes = "BASE";
  for (int i = 0; i < 500; ++i) attributes += " 40 06 00";
  const auto decoded = decode(update({}, octets(attributes), hex("10 0a01")), {});
  ASSERT_TRUE(decoded.has_value());
  EXPECT_LE(std::get<Update>(*decoded).faults.size(), 16U);
}

// A strong fault must not be lost because weak ones filled the list.
TEST(Rfc7606Limits, WithdrawBehindAFloodOfDiscards) {
  std::string attributes = "BASE";
  for (int i = 0; i < 100; ++i) attributes += " 40 06 00";
  attributes += " 80 04 03 000000";
  const auto decoded = decode(update({}, octets(attributes), hex("10 0a01")), {});
  ASSERT_TRUE(decoded.has_value());
  EXPECT_TRUE(std::get<Update>(*decoded).reach.empty());
  ASSERT_EQ(std::get<Update>(*decoded).unreach.size(), 1U);
}

// RFC 4271 section 6.3: the two length fields against the message's.
TEST(Rfc7606Limits, LengthFieldsThatDoNotAddUp) {
  for (const char* body : {"0001 0000", "ffff 0000", "0000 0001", "0000 ffff", "0003 10 0a01",
                           "0003 10 0a01 00", "0000 0008 40 01 01 00"}) {
    const auto decoded = decode(message(2, hex(body)), {});
    ASSERT_FALSE(decoded.has_value()) << body;
    EXPECT_EQ(decoded.error(), (Notification{3, 1, {}})) << body;
  }
}

}  // namespace
}  // namespace lastmile::bgp::test

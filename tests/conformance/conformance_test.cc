// forwarding.table against the worker's loop.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/hold.h"
#include "dataplane/pipeline/icmp_errors.h"
#include "tests/conformance/router.h"
#include "tests/conformance/table.h"

namespace lastmile::test {
namespace {

constexpr std::size_t kEthernet = ethernet::kHeaderSize;
const std::string kFolder = LASTMILE_SOURCE_ROOT "/tests/conformance/";

const Table& table() {
  static const Table table = read_table(kFolder + "forwarding.table");
  return table;
}

const Config& configuration() {
  static const Config config = [] {
    auto loaded = load_config(kFolder + "router.yaml");
    if (!loaded) throw std::runtime_error(to_string(loaded.error().front()));
    return *std::move(loaded);
  }();
  return config;
}

Wires& wires() {
  static Wires wires{configuration()};
  return wires;
}

PortId port_id(const std::string& name) {
  for (const PortConfig& port : configuration().ports) {
    if (port.name == name) return port.id;
  }
  throw std::runtime_error("no port " + name);
}

bool is_ipv4(const Bytes& packet) {
  return packet.at(0) >> 4U == 4;
}

/// The IP packet in a frame, without what is behind it.
Bytes ip_packet(const Bytes& frame) {
  Bytes packet(frame.begin() + kEthernet, frame.end());
  const std::size_t length = is_ipv4(packet) ? load_be16(packet.data() + ipv4::kTotalLength)
                                             : ipv6::kHeaderSize + load_be16(packet.data() + 4);
  packet.resize(std::min(packet.size(), length));
  return packet;
}

void set_checksum(Bytes& packet) {
  store_be16(packet.data() + ipv4::kChecksum, 0);
  const std::size_t size = ipv4::header_length(packet.data());
  store_raw(packet.data() + ipv4::kChecksum, internet_checksum({packet.data(), size}));
}

Bytes one_hop_on(Bytes packet) {
  --packet.at(is_ipv4(packet) ? ipv4::kTtl : ipv6::kHopLimit);
  if (is_ipv4(packet)) set_checksum(packet);
  return packet;
}

MacAddress mac_at(const Bytes& frame, std::size_t at) {
  MacAddress::Bytes bytes;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), bytes.size(), bytes.begin());
  return MacAddress{bytes};
}

/// Ethernet as it must be on a port's wire.
void expect_addressed(const Bytes& frame, PortId port) {
  EXPECT_EQ(mac_at(frame, 0), Router::station(port));
  EXPECT_EQ(mac_at(frame, 6), Router::mac(port));
  EXPECT_EQ(load_be16(frame.data() + ethernet::kTypeOffset),
            is_ipv4(ip_packet(frame)) ? ethernet::kIpv4 : ethernet::kIpv6);
}

/// Fragments that make the packet, each within the MTU (RFC 791 section 3.2).
void expect_fragments(const std::vector<Bytes>& frames, const Bytes& whole, std::size_t mtu) {
  ASSERT_GE(frames.size(), 2U);
  const std::size_t header = ipv4::header_length(whole.data());
  const unsigned first = load_be16(whole.data() + ipv4::kFragment);
  Bytes payload;
  for (const Bytes& frame : frames) {
    const Bytes fragment = ip_packet(frame);
    EXPECT_LE(fragment.size(), mtu);
    const unsigned field = load_be16(fragment.data() + ipv4::kFragment);
    const bool last = &frame == &frames.back();
    EXPECT_EQ((field & ipv4::kMoreFragments) != 0, !last || (first & ipv4::kMoreFragments) != 0);
    EXPECT_EQ(field & ipv4::kFragmentOffset, (first & ipv4::kFragmentOffset) + payload.size() / 8);
    // All else in the header is the packet's.
    Bytes expected(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(header));
    store_be16(expected.data() + ipv4::kTotalLength, static_cast<std::uint16_t>(fragment.size()));
    store_be16(expected.data() + ipv4::kFragment, static_cast<std::uint16_t>(field));
    const auto body = fragment.begin() + static_cast<std::ptrdiff_t>(header);
    EXPECT_EQ(Bytes(fragment.begin(), body), one_hop_on(expected));
    payload.insert(payload.end(), body, fragment.end());
    EXPECT_TRUE(last || payload.size() % 8 == 0);
  }
  EXPECT_EQ(payload, Bytes(whole.begin() + static_cast<std::ptrdiff_t>(header), whole.end()));
}

/// An ICMP error as it must be, about `offending`.
void expect_error(const Bytes& frame, const Outcome::Error& expected, const Bytes& offending) {
  const Bytes packet = ip_packet(frame);
  EXPECT_EQ(packet.size(), frame.size() - kEthernet);
  const bool v4 = is_ipv4(offending);
  ASSERT_EQ(is_ipv4(packet), v4);
  const std::size_t header = v4 ? 20 : 40;
  const std::size_t longest = v4 ? 576 : 1280;
  const std::uint8_t* const ip = packet.data();
  std::uint32_t pseudo = 0;
  if (v4) {
    EXPECT_EQ(ones_complement_sum({ip, 20}), 0xffff);
    EXPECT_EQ(ip[ipv4::kProtocol], protocol::kIcmp);
    EXPECT_EQ(ip[ipv4::kTtl], 64);
    EXPECT_EQ(Ipv4Address{load_be32(ip + ipv4::kSource)}, ip4("10.0.1.1"));
    EXPECT_EQ(load_be32(ip + ipv4::kDestination), load_be32(offending.data() + ipv4::kSource));
  } else {
    EXPECT_EQ(ip[ipv6::kNextHeader], protocol::kIcmpv6);
    EXPECT_EQ(ip[ipv6::kHopLimit], 64);
    EXPECT_EQ(Ipv6Address::from_wire(std::span<const std::uint8_t, 16>{ip + 8, 16}),
              ip6("fd00:1::1"));
    EXPECT_TRUE(std::equal(ip + 24, ip + 40, offending.data() + 8));
    pseudo = std::uint32_t{ones_complement_sum({ip + 8, 32})} +
             raw16(static_cast<std::uint16_t>(packet.size() - 40)) + raw16(58);
  }
  EXPECT_EQ(ones_complement_sum({ip + header, packet.size() - header}, pseudo), 0xffff);
  EXPECT_EQ(ip[header], expected.type);
  EXPECT_EQ(ip[header + 1], expected.code);
  EXPECT_EQ(load_be32(ip + header + 4), expected.word);
  const std::size_t quoted = std::min(offending.size(), longest - header - 8);
  EXPECT_EQ(Bytes(packet.begin() + static_cast<std::ptrdiff_t>(header + 8), packet.end()),
            Bytes(offending.begin(), offending.begin() + static_cast<std::ptrdiff_t>(quoted)));
}

class Conformance : public ::testing::TestWithParam<std::size_t> {
 protected:
  Conformance() : buffers_before_(buffers_in_use()) {}
  ~Conformance() override {
    router_.reset();
    for (auto* devices : {&wires().ports, &wires().twins}) {
      for (auto& [name, device] : *devices) device->clear();
    }
    wires().host.clear();
    EXPECT_EQ(buffers_in_use(), buffers_before_) << "packet buffers were lost";
  }

  std::vector<Bytes> take(const std::string& port) { return wires().ports.at(port)->take_sent(); }
  static Bytes one(const std::vector<Bytes>& frames) {
    EXPECT_EQ(frames.size(), 1U);
    return frames.size() == 1 ? frames.front() : Bytes(14 + 576);
  }
  void expect_silence() {
    for (auto* devices : {&wires().ports, &wires().twins}) {
      for (auto& [name, device] : *devices) EXPECT_TRUE(device->take_sent().empty()) << name;
    }
    EXPECT_TRUE(wires().host.take_sent().empty());
  }

  void expect_drop(const Row& row, const Bytes& frame);

  std::unique_ptr<Router> router_ = std::make_unique<Router>(configuration(), table(), wires());

 private:
  const unsigned buffers_before_;
};

void Conformance::expect_drop(const Row& row, const Bytes& frame) {
  const Outcome& outcome = row.outcome;
  if (outcome.later) {
    EXPECT_EQ(router_->total_drops(), 0U);
    router_->advance(kHoldTime + std::chrono::milliseconds{1});
    router_->run();
  }
  EXPECT_EQ(router_->drops(outcome.reason), row.copies);
  EXPECT_EQ(router_->total_drops(), row.copies);
  if (!outcome.error) return expect_silence();
  const PortId port = port_id(row.port);
  const std::vector<Bytes> errors = take(row.port);
  ASSERT_EQ(errors.size(), outcome.limited ? kIcmpErrorBurst : 1);
  for (const Bytes& error : errors) {
    expect_addressed(error, port);
    expect_error(error, *outcome.error, ip_packet(frame));
  }
}

TEST_P(Conformance, Holds) {
  const Row& row = table().rows.at(GetParam());
  SCOPED_TRACE(row.clause);
  const PortId in = port_id(row.port);
  const Bytes frame = build_frame(table(), row, Router::mac(in), Router::station(in));
  for (unsigned i = 0; i < row.copies; ++i) {
    wires().ports.at(row.port)->receive(frame);
    router_->run();
  }
  const Outcome& outcome = row.outcome;
  switch (outcome.kind) {
    case Outcome::Kind::kForward: {
      const PortId port = port_id(outcome.port);
      const std::vector<Bytes> frames = take(outcome.port);
      for (const Bytes& sent : frames) expect_addressed(sent, port);
      if (outcome.fragments) {
        expect_fragments(frames, ip_packet(frame), configuration().ports[port.value()].mtu);
      } else {
        const Bytes sent = one(frames);
        EXPECT_EQ(Bytes(sent.begin() + kEthernet, sent.end()), one_hop_on(ip_packet(frame)));
      }
      break;
    }
    case Outcome::Kind::kHost:
    case Outcome::Kind::kLocal: {
      const bool host = outcome.kind == Outcome::Kind::kHost;
      TestDevice& device = host ? wires().host : *wires().twins.at(outcome.port);
      const Bytes sent = one(device.take_sent());
      EXPECT_EQ(mac_at(sent, 0), host ? Router::kHostMac : Router::mac(port_id(outcome.port)));
      EXPECT_EQ(Bytes(sent.begin() + kEthernet, sent.end()), ip_packet(frame));
      break;
    }
    case Outcome::Kind::kTwin:
      EXPECT_EQ(one(wires().twins.at(row.port)->take_sent()), frame);
      break;
    case Outcome::Kind::kDrop:
      expect_drop(row, frame);
      break;
  }
  if (outcome.kind != Outcome::Kind::kDrop) {
    EXPECT_EQ(router_->total_drops(), 0U);
  }
  expect_silence();
}

std::string test_name(const ::testing::TestParamInfo<std::size_t>& test) {
  std::string name = table().rows.at(test.param).name;
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Table, Conformance, ::testing::Range(std::size_t{0}, table().rows.size()),
                         test_name);

TEST(ConformanceTable, IsOfTheSizeThatItClaims) {
  EXPECT_GE(table().rows.size(), 250U);
  for (const Row& row : table().rows) EXPECT_FALSE(row.clause.empty()) << row.name;
}

}  // namespace
}  // namespace lastmile::test

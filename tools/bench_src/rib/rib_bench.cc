// How fast the RIB takes in a table and how much memory a route costs.
//
//   rib_bench [--routes N | --prefixes FILE] [--rounds R]
//
// FILE has one IPv4 prefix a line; without it N distinct prefixes are made up (default 512620). The
// routes are encoded as UPDATE messages beforehand; measured is what the daemon does with them:
// decoding, filing and deciding, in processor seconds, with forwarding tables that only count. For
// each round: a first peer's table, an identical second peer's (multipath), the loss of the first.
#include <fmt/format.h>
#include <malloc.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): clock_gettime is POSIX

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "controlplane/rib/rib.h"

namespace lastmile {
namespace {

/// Processor time of this thread: what other programs do on the machine is not counted.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<Clock>;
  static time_point now() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return time_point{std::chrono::seconds{t.tv_sec} + duration{t.tv_nsec}};
  }
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Forwarding tables that count.
class CountingPlane final : public rib::ForwardingPlane {
 public:
  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec&) override {
    return NextHopId{++next_hops_};
  }
  void update_next_hop(NextHopId, const NextHopSpec&) override {}
  void release_next_hop(NextHopId) override {}
  void set_down(NextHopId, DownCause) override {}
  void clear_down(NextHopId, DownCause) override {}
  bool is_alive(NextHopId) const override { return true; }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec&, std::optional<GroupId>) override {
    return GroupId{++groups_};
  }
  void release_group(GroupId) override {}
  FibSequence set_route(const IpPrefix&, GroupId) override { return ++operations_; }
  FibSequence remove_route(const IpPrefix&) override { return ++operations_; }
  void poll() override {}
  void flush() override {}
  FibSequence applied() const override { return operations_; }
  std::vector<FibFailure> take_failures() override { return {}; }

 private:
  std::uint16_t next_hops_ = 0, groups_ = 0;
  FibSequence operations_ = 0;
};

class NoOutput final : public bgp::PeerOutput {
 public:
  void send_updates(bgp::PeerId, std::vector<std::uint8_t>) override {}
  bool writable(bgp::PeerId) const override { return true; }
  void reset(bgp::PeerId, const bgp::Notification&, TimePoint) override {}
  void send_route_refresh(bgp::PeerId, const bgp::RouteRefresh&) override {}
  void suspend(bgp::PeerId, const bgp::Notification&, std::optional<Duration>, TimePoint) override {
  }
};
class NoNeighborhood final : public Neighborhood {
 public:
  void send_router_advertisement(PortId, std::optional<Ipv6Address>) override {}
  void send_router_solicitation(PortId) override {}
  void resolve(PortId, const IpAddress&) override {}
};
class NoTimers final : public Timers {
 public:
  void arm(TimerKey, Duration) override {}
  void cancel(TimerKey) override {}
};

std::vector<Ipv4Prefix> made_up(std::size_t count) {
  std::vector<Ipv4Prefix> prefixes;
  for (std::uint32_t i = 0; prefixes.size() < count; ++i) {
    prefixes.emplace_back(Ipv4Address{0x01000000 + (i << 8)}, 24);
  }
  return prefixes;
}

std::vector<Ipv4Prefix> read_prefixes(const std::string& path) {
  std::vector<Ipv4Prefix> prefixes;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (const auto prefix = Ipv4Prefix::parse(line.substr(0, line.find_first_of(" \t\r")))) {
      prefixes.push_back(*prefix);
    }
  }
  std::ranges::sort(prefixes);
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

bgp::Negotiated session(unsigned n) {
  bgp::Negotiated s;
  s.remote_asn = bgp::Asn{65001 + n};
  s.remote_identifier = Ipv4Address{10, 255, 255, static_cast<std::uint8_t>(n + 1)};
  s.codec.extended_next_hop = {bgp::Family::kIpv4Unicast};
  s.families = {bgp::Family::kIpv4Unicast};
  const PortId port{static_cast<std::uint16_t>(n)};
  s.remote = {Ipv6Address::parse(fmt::format("fe80::{}", n + 1)).value(), bgp::kBgpPort, port};
  s.local_next_hop.link_local = Ipv6Address::parse("fe80::aa");
  return s;
}

/// Six routes share a set of attributes, about as in real tables.
std::vector<std::vector<std::uint8_t>> encode_table(const std::vector<Ipv4Prefix>& prefixes,
                                                    unsigned n) {
  constexpr std::size_t kShared = 6;
  std::vector<std::vector<std::uint8_t>> messages;
  const bgp::Negotiated s = session(n);
  for (std::size_t at = 0; at < prefixes.size();) {
    bgp::Update update;
    const auto set = static_cast<std::uint32_t>(at / kShared);
    bgp::AsPath::Segment path;
    for (const std::uint32_t asn :
         {65001 + n, 65201U, 3356 + set % 17, 1000 + set, 64000 + set % 5}) {
      path.asns.push_back(bgp::Asn{asn});
    }
    update.attributes.as_path.segments.push_back(path);
    update.attributes.communities = {{set % 100}};
    std::vector<bgp::Nlri<Ipv4Address>> nlri;
    for (std::size_t i = 0; i < kShared && at < prefixes.size(); ++i) {
      nlri.push_back({prefixes[at++], 0});
    }
    bgp::NextHop next_hop;
    next_hop.link_local = std::get<Ipv6Address>(s.remote.address);
    update.reach.push_back({bgp::Family::kIpv4Unicast, next_hop, std::move(nlri)});
    messages.push_back(encode(update, s.codec));
  }
  return messages;
}

class Bench {
 public:
  explicit Bench(std::vector<Ipv4Prefix> prefixes) : prefixes_(std::move(prefixes)) {
    config_.router.asn = bgp::Asn{64512};
    config_.loopbacks = {parse_ip_prefix("10.0.1.1/32").value()};
    for (unsigned n = 0; n < 2; ++n) tables_.push_back(encode_table(prefixes_, n));
  }

  void round() {
    rib::Rib rib(config_, plane_, output_, neighborhood_, timers_);
    settle(rib);
    const std::size_t heap = heap_bytes();
    const std::uint64_t counted = rib.summary().memory_bytes;
    const double first = take_in(rib, 0);
    const std::size_t heap_one = heap_bytes();
    const std::uint64_t counted_one = rib.summary().memory_bytes;
    const double second = take_in(rib, 1);
    const std::size_t heap_two = heap_bytes();

    const auto start = Clock::now();
    rib.on_down(bgp::PeerId{0}, "bench", now_);
    settle(rib);
    const double lost = seconds_since(start);

    const auto routes = static_cast<double>(prefixes_.size());
    fmt::print("{} routes, {} attribute sets a peer\n", prefixes_.size(), tables_[0].size());
    fmt::print(
        "  first peer   {:7.3f} s  {:6.2f} M routes/s  {:5.1f} bytes/route ({:.1f} counted)\n",
        first, routes / first / 1e6, static_cast<double>(heap_one - heap) / routes,
        static_cast<double>(counted_one - counted) / routes);
    fmt::print("  second peer  {:7.3f} s  {:6.2f} M routes/s  {:5.1f} bytes/route\n", second,
               routes / second / 1e6, static_cast<double>(heap_two - heap_one) / routes);
    fmt::print("  decode alone {:7.3f} s\n", decode_alone());
    fmt::print("  first lost   {:7.3f} s\n", lost);
    fmt::print("  longest slice of work() {:.2f} ms\n", longest_ * 1e3);
  }

 private:
  static std::size_t heap_bytes() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

  void settle(rib::Rib& rib) {
    for (bool more = true; more;) {
      const auto start = Clock::now();
      more = rib.work(rib::kSliceRoutes, now_);
      longest_ = std::max(longest_, seconds_since(start));
    }
  }

  double decode_alone() const {
    const auto start = Clock::now();
    for (const auto& message : tables_[0]) {
      if (!bgp::decode(message, session(0).codec)) std::abort();
    }
    return seconds_since(start);
  }

  double take_in(rib::Rib& rib, unsigned n) {
    const bgp::Negotiated s = session(n);
    const bgp::PeerId peer{static_cast<std::uint16_t>(n)};
    const auto start = Clock::now();
    rib.on_established(peer, s, now_);
    std::size_t count = 0;
    for (const auto& message : tables_[n]) {
      auto decoded = bgp::decode(message, s.codec);
      if (!decoded) std::abort();
      rib.on_update(peer, std::get<bgp::Update>(*decoded), now_);
      // As the event loop does: a slice of work after what one read has brought.
      if (++count % 512 == 0) rib.work(rib::kSliceRoutes, now_);
    }
    settle(rib);
    return seconds_since(start);
  }

  std::vector<Ipv4Prefix> prefixes_;
  std::vector<std::vector<std::vector<std::uint8_t>>> tables_;
  Config config_;
  CountingPlane plane_;
  NoOutput output_;
  NoNeighborhood neighborhood_;
  NoTimers timers_;
  TimePoint now_{std::chrono::seconds{1000}};
  double longest_ = 0;
};

}  // namespace
}  // namespace lastmile

int main(int argc, char** argv) {
  std::size_t routes = 512620;
  std::string file;
  int rounds = 3;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (i + 1 == argc || (option != "--routes" && option != "--prefixes" && option != "--rounds")) {
      fmt::print(stderr, "usage: rib_bench [--routes N | --prefixes FILE] [--rounds R]\n");
      return 2;
    }
    const std::string value = argv[++i];
    if (option == "--routes") routes = std::strtoul(value.c_str(), nullptr, 10);
    if (option == "--rounds") rounds = std::atoi(value.c_str());
    if (option == "--prefixes") file = value;
  }
  auto prefixes = file.empty() ? lastmile::made_up(routes) : lastmile::read_prefixes(file);
  if (prefixes.empty()) {
    fmt::print(stderr, "rib_bench: no prefixes\n");
    return 1;
  }
  lastmile::Bench bench(std::move(prefixes));
  for (int i = 0; i < rounds; ++i) bench.round();
  return 0;
}

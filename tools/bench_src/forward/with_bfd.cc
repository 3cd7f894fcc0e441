// bench-bfd: what BFD sessions cost a worker that forwards at full speed.
//
// The real worker forwards a full table's traffic from an endless source to null devices, as in
// bench-forward, and polls one more port, whose wire is two rings. At its far end a thread on
// another CPU runs an engine of its own: the neighbors of 64 sessions at 10 ms. Contenders are the
// same worker with the sessions up and without any. Figures are of the worker's own CPU time, and
// contain all that sessions cost: receiving and taking out of the pipeline, checks, timers, frames,
// and what they push out of the caches.
//
// What is measured is a hundredth of what it is measured in, and machines drift by more within a
// second. So turns are many, and each turn with sessions is compared with the mean of the
// turns before and behind it, which takes a drift out; the figure is the median of these, and it is
// printed how far the median itself may be off. BFD's packets come by the clock, and a worker that
// got half of its CPU would forward half as much beside them: costs are brought to a worker that
// has its CPU to itself.
//
// Every packet by the wire brings lines that another CPU has written, whatever is in it. What that
// costs here is the floor: as many packets that the worker only forwards, back to where they came
// from.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "dataplane/bfd/engine.h"
#include "dataplane/forwarding/group_layout.h"
#include "dataplane/pipeline/bfd_stage.h"
#include "tools/bench_src/fib/harness.h"
#include "tools/bench_src/forward/pcap_file.h"
#include "tools/bench_src/forward/rig.h"
#include "tools/bench_src/forward/workload.h"

namespace lastmile::bench {
namespace {

using bfd::Command;
using std::chrono::milliseconds;

constexpr unsigned kMembers = 2;
constexpr unsigned kMegabytes = 512;
constexpr milliseconds kSettling{300};
constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 4, 1}};
constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 4, 2}};
/// Where packets go that are to come back by the wire.
constexpr Ipv4Address kPlainDestination{198, 51, 100, 1};

struct Options {
  std::string table;
  unsigned rounds = 100;
  unsigned sessions = 64;
  unsigned interval_us = 10'000;
  unsigned cpu = 1;
  double seconds = 0.1;
  bool json = false;
};

/// A wire made of rings, with a device at our end.
class Wire {
 public:
  explicit Wire(rte_mempool* pool) : pool_(pool) {
    constexpr unsigned kRing = 1024;
    constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ;
    in_ = rte_ring_create("bfd_in", kRing, SOCKET_ID_ANY, kFlags);
    out_ = rte_ring_create("bfd_out", kRing, SOCKET_ID_ANY, kFlags);
    if (in_ == nullptr || out_ == nullptr) throw std::runtime_error("no memory for rings");
    const int device = rte_eth_from_rings("bfd", &in_, 1, &out_, 1, 0);
    if (device < 0) throw std::runtime_error("no ring device");
    device_ = static_cast<std::uint16_t>(device);
    const rte_eth_conf configuration{};
    if (rte_eth_dev_configure(device_, 1, 1, &configuration) != 0 ||
        rte_eth_rx_queue_setup(device_, 0, 64, 0, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(device_, 0, 64, 0, nullptr) != 0 ||
        rte_eth_dev_start(device_) != 0) {
      throw std::runtime_error("can't start the ring device");
    }
  }
  [[nodiscard]] DeviceId device() const { return DeviceId{device_}; }

  // The far end; one thread.
  void send(std::span<const std::uint8_t> frame) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr) return;
    char* const data = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    std::memcpy(data, frame.data(), frame.size());
    if (rte_ring_enqueue(in_, packet) != 0) rte_pktmbuf_free(packet);
  }
  rte_mbuf* take() {
    void* packet = nullptr;
    return rte_ring_dequeue(out_, &packet) == 0 ? static_cast<rte_mbuf*>(packet) : nullptr;
  }

 private:
  rte_mempool* pool_;
  rte_ring* in_ = nullptr;
  rte_ring* out_ = nullptr;
  std::uint16_t device_ = 0;
};

/// All neighbors: an engine at the far end of the wire, on a thread of its own.
class Neighbors final : private bfd::EngineOutside {
 public:
  explicit Neighbors(Wire& wire) : wire_(wire), thread_([this] { run(); }) {}
  ~Neighbors() override {
    stop_ = true;
    thread_.join();
  }
  Neighbors(const Neighbors&) = delete;
  Neighbors& operator=(const Neighbors&) = delete;

  bfd::Channel& channel() { return channel_; }
  /// From now on sends so many packets a second that are none of BFD's. 0: none.
  void send_plain(unsigned packets_a_second) { plain_rate_ = packets_a_second; }

 private:
  void transmit(PortId, std::span<const std::uint8_t> frame) override { wire_.send(frame); }
  void set_alive(NextHopId, bfd::Alive) override {}
  bool tell(const bfd::StateChanged&) override { return true; }

  void run() {
    const CycleClock clock{rte_get_tsc_hz()};
    while (!stop_) {
      const bfd::Instant now = clock.instant(rte_rdtsc());
      const auto commands = channel_.commands.front(bfd::kMaxSessions);
      for (const Command& command : commands) engine_.apply(command, now);
      channel_.commands.consume(commands.size());
      while (rte_mbuf* const packet = wire_.take()) {
        const std::span frame{rte_pktmbuf_mtod(packet, const std::uint8_t*), packet->data_len};
        if (engine_.has_sessions()) engine_.receive(PortId{0}, kOurMac, frame.subspan(14), now);
        rte_pktmbuf_free(packet);
      }
      send_plain_until(now);
      if (engine_.next_deadline() <= now) engine_.run(now, now);
      std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
  }

  void send_plain_until(bfd::Instant now) {
    const unsigned rate = plain_rate_;
    if (rate == 0) {
      plain_at_ = now;
      return;
    }
    for (; plain_at_ <= now; plain_at_ += bfd::Interval{std::chrono::seconds{1}} / rate) {
      std::array<std::uint8_t, 14 + 20 + 8 + bfd::kControlSize> frame{};
      bfd::write_headers({.source_mac = kPeerMac,
                          .destination_mac = kOurMac,
                          .source = Ipv4Address{192, 0, 2, 1},
                          .destination = kPlainDestination,
                          .source_port = 7,
                          .destination_port = 7,
                          .hop_limit = 64},
                         frame);
      wire_.send(frame);
    }
  }

  Wire& wire_;
  std::atomic<unsigned> plain_rate_{0};  // main: writes; the thread: reads
  bfd::Instant plain_at_{};
  bfd::Channel channel_;
  bfd::Engine engine_{*this, channel_.status, 1};
  std::atomic<bool> stop_{false};  // main: writes; the thread: reads
  std::thread thread_;
};

IpAddress address(unsigned session, std::uint8_t side) {
  Ipv6Address::Bytes bytes{0xfe, 0x80};
  bytes[13] = side;
  bytes[14] = static_cast<std::uint8_t>(session >> 8U);
  bytes[15] = static_cast<std::uint8_t>(session);
  return Ipv6Address{bytes};
}

class Bench {
 public:
  explicit Bench(const Options& options, rte_mempool* pool)
      : options_(options), wire_(pool), neighbors_(wire_) {
    config_ = make_worker_config(kMembers, pool, options.cpu, Source::kPolled);
    config_.ports.push_back(
        {.id = kPort, .device = wire_.device(), .mac = kOurMac, .zone = PortZone::kLocal});
    config_.bfd = {.channel = &channel_, .pool = pool};
  }

  void start(ForwardingTables& tables) {
    tables.ports.set(kPort, {.mac = kOurMac, .mtu = 1500, .zone = PortZone::kUplink});
    const NextHopId back{kMembers + 1};
    tables.next_hops.set(
        back, {.kind = NextHopKind::kForward, .port = kPort, .destination = kPeerMac}, kOurMac);
    GroupSpec group;
    group.primaries.push_back({.next_hop = back});
    tables.groups.publish(GroupId{2}, lay_out(group));
    if (!tables.ipv4.set(Ipv4Prefix{kPlainDestination, 32}, GroupId{2})) {
      throw std::runtime_error("table full");
    }
    worker_.emplace(config_, tables);
    if (const auto started = worker_->start(); !started) throw std::runtime_error(started.error());
    cpu_time_.emplace("lm-worker-0");
  }
  void stop() { worker_->stop(); }

  /// Cycles a forwarded packet.
  double with_sessions() {
    if (!has_sessions_) command(Command::Kind::kAdd);
    has_sessions_ = true;
    // A session's first packets are all news (polls, intervals, each longest gap so far), and what
    // is to be measured is its ordinary day.
    std::this_thread::sleep_for(kSettling);
    // Whoever leaves the ring of events full has the worker offer its news in each loop.
    worker_->drain_events([](const WorkerEvent&) {});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (settled() < options_.sessions) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error(fmt::format("{} of {} sessions are up at their interval",
                                             settled(), options_.sessions));
      }
      std::this_thread::sleep_for(milliseconds{10});
      worker_->drain_events([](const WorkerEvent&) {});
    }
    worker_->drain_events([](const WorkerEvent&) {});
    const std::uint64_t before = exchanged();
    const double cycles = measure();
    bfd_packets_ += static_cast<double>(exchanged() - before);
    bfd_seconds_ += wall_;
    shares_.push_back(used_ / wall_);
    for (unsigned i = 0; i < options_.sessions; ++i) failures_ += status(i).failures.read();
    return cycles;
  }
  double with_plain_packets() {
    neighbors_.send_plain(static_cast<unsigned>(packets_a_second() / 2));
    std::this_thread::sleep_for(milliseconds{10});
    const std::uint64_t before = worker_->counters().ports[kPort.value()].sent_packets.read();
    const double cycles = measure();
    plain_packets_ +=
        static_cast<double>(worker_->counters().ports[kPort.value()].sent_packets.read() - before);
    plain_seconds_ += wall_;
    plain_shares_.push_back(used_ / wall_);
    neighbors_.send_plain(0);
    return cycles;
  }
  double without() {
    if (has_sessions_) command(Command::Kind::kRemove);
    has_sessions_ = false;
    std::this_thread::sleep_for(milliseconds{10});
    return measure();
  }
  /// How much of its CPU the worker had, in each turn with sessions.
  [[nodiscard]] const std::vector<double>& shares() const { return shares_; }
  [[nodiscard]] const std::vector<double>& plain_shares() const { return plain_shares_; }
  /// Plain packets that have gone to and fro.
  [[nodiscard]] double plain_packets_a_second() const { return plain_packets_ / plain_seconds_; }
  /// BFD packets, received and sent.
  [[nodiscard]] double packets_a_second() const { return bfd_packets_ / bfd_seconds_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  static constexpr PortId kPort{kMembers + 1};

  void command(Command::Kind kind) {
    for (unsigned i = 0; i < options_.sessions; ++i) {
      const bfd::SessionId id{static_cast<std::uint16_t>(i)};
      Command ours{.kind = kind, .session = id, .spec = spec(i, kPort, 1, kPeerMac)};
      Command theirs{.kind = kind, .session = id, .spec = spec(i, PortId{0}, 2, kOurMac)};
      if (!channel_.commands.push(ours) || !neighbors_.channel().commands.push(theirs)) {
        throw std::runtime_error("the ring of commands is full");
      }
    }
  }
  [[nodiscard]] bfd::SessionSpec spec(unsigned session, PortId port, std::uint8_t side,
                                      const MacAddress& remote) const {
    bfd::SessionSpec spec;
    spec.discriminator = bfd::kMaxSessions + session;
    spec.port = port;
    spec.local_mac = side == 1 ? kOurMac : kPeerMac;
    spec.remote_mac = remote;
    spec.local = address(session, side);
    spec.remote = address(session, side == 1 ? std::uint8_t{2} : std::uint8_t{1});
    spec.source_port = static_cast<std::uint16_t>(bfd::kFirstSourcePort + session);
    const bfd::Microseconds interval{options_.interval_us};
    spec.parameters.control.desired_min_tx = spec.parameters.control.required_min_rx = interval;
    // Nobody is to fail here, however busy the neighbors' CPU is.
    spec.parameters.control.multiplier = 100;
    spec.seed = 0x123456789abcdef0U + 2 * session + side;
    return spec;
  }
  [[nodiscard]] const bfd::SessionStatus& status(unsigned session) const {
    return channel_.status[bfd::SessionId{static_cast<std::uint16_t>(session)}];
  }
  /// Sessions that are up and send and expect packets at their interval.
  [[nodiscard]] unsigned settled() const {
    unsigned count = 0;
    for (unsigned i = 0; i < options_.sessions; ++i) {
      const bfd::SessionStatus& session = status(i);
      count += session.discriminator.read() != 0 &&
               session.state.read() == static_cast<std::uint64_t>(bfd::State::kUp) &&
               session.transmit_interval_us.read() == options_.interval_us &&
               session.detection_us.read() == std::uint64_t{100} * options_.interval_us;
    }
    return count;
  }
  [[nodiscard]] std::uint64_t exchanged() const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < options_.sessions; ++i) {
      sum += status(i).received.read() + status(i).sent.read();
    }
    return sum;
  }
  double measure() {
    const Counter& packets = worker_->counters().packets;
    const auto begin = std::chrono::steady_clock::now();
    const auto before = cpu_time_->read();
    const std::uint64_t first = packets.read();
    std::this_thread::sleep_for(std::chrono::duration<double>{options_.seconds});
    const std::chrono::duration<double> used = cpu_time_->read() - before;
    const std::uint64_t last = packets.read();
    wall_ = std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
    used_ = used.count();
    return used_ * static_cast<double>(rte_get_tsc_hz()) / static_cast<double>(last - first);
  }

  const Options& options_;
  Wire wire_;
  Neighbors neighbors_;
  bfd::Channel channel_;
  WorkerConfig config_;
  std::optional<Worker> worker_;
  std::optional<ThreadCpuTime> cpu_time_;
  bool has_sessions_ = false;
  double wall_ = 0;  ///< seconds of the last turn
  double used_ = 0;  ///< the worker's of them
  std::vector<double> shares_, plain_shares_;
  double plain_packets_ = 0;
  double plain_seconds_ = 0;
  double bfd_packets_ = 0;
  double bfd_seconds_ = 0;
  std::uint64_t failures_ = 0;
};

/// The cost of each turn over what the turns in front of it and behind it say it would have been;
/// `shares`: of its CPU that the worker had.
std::vector<double> compare(std::span<const double> turns, std::span<const double> before,
                            std::span<const double> behind, std::span<const double> shares) {
  std::vector<double> costs;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    costs.push_back((2 * turns[i] / (before[i] + behind[i]) - 1) * shares[i]);
  }
  return costs;
}

/// Between which samples the median lies of all that might have been measured, in 95 of 100 cases:
/// ranks of the binomial distribution, half of n and 0.98 roots of n up and down.
struct Bounds {
  double low;
  double high;
};
Bounds bounds_of_median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto count = static_cast<double>(samples.size());
  const double reach = 0.98 * std::sqrt(count);
  const auto at = [&](double rank) {
    return samples[static_cast<std::size_t>(std::clamp(rank, 0.0, count - 1))];
  };
  return {at(count / 2 - reach), at(count / 2 + reach)};
}

void run(const Options& options) {
  WorkloadOptions wanted;
  wanted.table_file = options.table;
  const Workload workload = make_workload(wanted);
  ForwardingTables tables;
  fill_tables(tables, workload.prefixes, kMembers);
  const TemporaryFile pcap;
  write_pcap(pcap.path(), workload.frames);
  const std::string memory = start_rig(pcap.path(), kMembers, kMegabytes);
  Bench bench{options, make_pool(workload.frames.size())};
  bench.start(tables);

  Report report{"bfd", options.json ? Output::kJson : Output::kText};
  report.about(fmt::format("{} routes ({}), {} next hops, {} flows, {}", workload.prefixes.size(),
                           workload.table, kMembers, workload.frames.size(), memory));
  std::vector<double> with, without, plain, without_again;
  std::vector<Contender> contenders{
      {"with the sessions", Side::kOurs, [&] { return with.emplace_back(bench.with_sessions()); }},
      {"without any", Side::kPeer, [&] { return without.emplace_back(bench.without()); }},
      {"as many packets that are forwarded", Side::kFloor,
       [&] { return plain.emplace_back(bench.with_plain_packets()); }},
      {"without any, again", Side::kPeer,
       [&] { return without_again.emplace_back(bench.without()); }}};
  report.compare(fmt::format("a forwarded packet, {} sessions at {:g} ms", options.sessions,
                             options.interval_us / 1000.0),
                 "cycles", contenders, options.rounds);
  const auto tell = [&](const std::string& what, const std::vector<double>& costs) {
    const Figure cost = figure(costs);
    const Bounds bounds = bounds_of_median(costs);
    report.about(
        fmt::format("  {} {:.2f} % of forwarding (median of {} turns; it is within {:.2f} – {:.2f} "
                    "%; quartiles of turns {:.2f} – {:.2f} %)",
                    what, 100 * cost.median, costs.size(), 100 * bounds.low, 100 * bounds.high,
                    100 * cost.low, 100 * cost.high));
  };
  // The first round warms up; its last turn stands in front of the second round.
  const std::vector<double> costs =
      compare(std::span{with}.subspan(1), without_again, std::span{without}.subspan(1),
              std::span{bench.shares()}.subspan(1));
  const std::vector<double> floor =
      compare(std::span{plain}.subspan(1), std::span{without}.subspan(1),
              std::span{without_again}.subspan(1), std::span{bench.plain_shares()}.subspan(1));
  tell("the sessions cost", costs);
  tell("as many packets by the same wire that are forwarded cost", floor);
  const Figure cost = figure(costs);
  const Bounds bounds = bounds_of_median(costs);
  report.fact("cost in millionths of forwarding", 1e6 * cost.median);
  report.fact("at least", 1e6 * bounds.low);
  report.fact("at most", 1e6 * bounds.high);
  // Of a second of the worker's, that part goes to BFD.
  const double share = cost.median / (1 + cost.median);
  report.fact("floor in millionths of forwarding", 1e6 * figure(floor).median);
  report.fact("plain packets a second, to and fro", bench.plain_packets_a_second());
  report.fact("percent of its CPU that the worker had", 100 * figure(bench.shares()).median);
  report.fact("BFD packets a second, received and sent", bench.packets_a_second());
  report.fact("cycles a BFD packet",
              share * static_cast<double>(rte_get_tsc_hz()) / bench.packets_a_second());
  report.fact("failures", static_cast<double>(bench.failures()));
  report.finish();
  bench.stop();
}

}  // namespace
}  // namespace lastmile::bench

int main(int argc, char** argv) {
  lastmile::bench::Options options;
  CLI::App app{"What BFD sessions cost a worker that forwards"};
  app.add_option("--table", options.table, "prefixes, one a line, plain or gzip");
  app.add_option("--rounds", options.rounds, "rounds that count")->check(CLI::Range(1, 100000));
  app.add_option("--sessions", options.sessions, "sessions")->check(CLI::Range(1, 512));
  app.add_option("--interval-us", options.interval_us, "between two packets of a session")
      ->check(CLI::Range(1000, 1000000));
  app.add_option("--seconds", options.seconds, "of each run")->capture_default_str();
  app.add_option("--cpu", options.cpu, "CPU of the worker")->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  try {
    lastmile::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-bfd: {}\n", error.what());
    return 1;
  }
  return 0;
}

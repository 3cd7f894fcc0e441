// lastmile-flows: steady UDP flows through a network, and the longest gap that any of them saw.
//
//   lastmile-flows receive --port 7000 --seconds 10 [--json]
//   lastmile-flows send --to 10.255.255.201 --from 10.0.1.1 --port 7000 --flows 16 --rate 2000
//   --seconds 10
//   lastmile-flows receive --port 7000 --seconds 10 --losses
//
// The receiver's gaps are by the kernel's time of arrival (SO_TIMESTAMPNS), so it does not matter
// when the program itself gets to run. The sender puts its own time into each packet: a gap that
// the sender made itself (the machine was busy) is reported beside, as a pause of the sender.
// With --losses the receiver tells each loss as soon as it is known, with the time at which those
// around it were sent, and every second how long the most silent flow has been silent, and what
// came twice.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): clock_nanosleep is POSIX
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/net/file_descriptor.h"
#include "tools/flows_src/loss_tracker.h"

namespace lastmile::flows {
namespace {

constexpr std::uint32_t kMagic = 0x4c4d464c;  // "LMFL"
constexpr std::int64_t kSecond = 1'000'000'000;

/// What a packet carries; both ends run on one machine, so it is in its byte order.
struct Payload {
  std::uint32_t magic = kMagic;
  std::uint32_t flow = 0;
  std::uint64_t sequence = 0;
  std::int64_t sent_ns = 0;  ///< CLOCK_REALTIME, as the kernel's time of arrival
};

std::int64_t clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

sockaddr_in address_of(const std::string& text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1) {
    fmt::print(stderr, "lastmile-flows: {}: not an IPv4 address\n", text);
    std::exit(2);
  }
  return address;
}

[[noreturn]] void fail(const char* what) {
  fmt::print(stderr, "lastmile-flows: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

struct Options {
  std::string to, from = "0.0.0.0";
  std::uint16_t port = 7000;
  unsigned flows = 16;
  double rate = 2000;  ///< packets a second of each flow
  double seconds = 10;
  bool losses = false;  ///< the receiver tells each one
};

// --- sender --------------------------------------------------------------------------------------

/// One socket for each flow: flows differ by source port.
void send(const Options& options) {
  std::vector<FileDescriptor> sockets;
  const sockaddr_in to = address_of(options.to, options.port);
  for (unsigned i = 0; i < options.flows; ++i) {
    FileDescriptor fd{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const sockaddr_in from =
        address_of(options.from, static_cast<std::uint16_t>(options.port + 1000 + i));
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind");
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
    sockets.push_back(std::move(fd));
  }
  const auto period = static_cast<std::int64_t>(static_cast<double>(kSecond) / options.rate);
  const std::int64_t start = clock_ns(CLOCK_MONOTONIC);
  const auto rounds = static_cast<std::uint64_t>(options.rate * options.seconds);
  Payload payload;
  std::uint64_t refused = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::int64_t due = start + static_cast<std::int64_t>(round) * period;
    const timespec until{due / kSecond, due % kSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    payload.sequence = round;
    for (unsigned i = 0; i < options.flows; ++i) {
      payload.flow = i;
      payload.sent_ns = clock_ns(CLOCK_REALTIME);
      // A refusal (no route now, no buffer) is a loss like any other: the receiver counts it.
      if (::send(sockets[i].get(), &payload, sizeof payload, MSG_DONTWAIT) < 0) ++refused;
    }
  }
  fmt::print("{}\n", nlohmann::json{{"sent", rounds * options.flows}, {"refused", refused}}.dump());
}

// --- receiver ------------------------------------------------------------------------------------

struct Flow {
  std::uint64_t received = 0, first = 0, last = 0, reordered = 0;
  std::int64_t arrived_ns = 0, sent_ns = 0;
  std::int64_t longest_gap_ns = 0;    ///< between arrivals
  std::int64_t longest_pause_ns = 0;  ///< between departures, of packets that follow each other
  std::uint64_t longest_loss = 0;     ///< packets missing in a row

  void take(const Payload& payload, std::int64_t now_ns) {
    if (received++ == 0) {
      first = last = payload.sequence;
    } else if (payload.sequence <= last) {
      ++reordered;
      return;
    } else {
      longest_gap_ns = std::max(longest_gap_ns, now_ns - arrived_ns);
      const std::uint64_t missing = payload.sequence - last - 1;
      longest_loss = std::max(longest_loss, missing);
      if (missing == 0) longest_pause_ns = std::max(longest_pause_ns, payload.sent_ns - sent_ns);
      last = payload.sequence;
    }
    arrived_ns = now_ns;
    sent_ns = payload.sent_ns;
  }
  [[nodiscard]] std::uint64_t lost() const { return last - first + 1 - received; }
};

/// Packets that came a second time, and when the first and the last of them were sent.
struct Doubles {
  std::uint64_t count = 0;
  std::int64_t first_ns = 0, last_ns = 0;

  void take(std::int64_t sent_ns) {
    first_ns = count == 0 ? sent_ns : std::min(first_ns, sent_ns);
    last_ns = count == 0 ? sent_ns : std::max(last_ns, sent_ns);
    ++count;
  }
};

std::int64_t arrival_ns(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec t{};
    std::memcpy(&t, CMSG_DATA(c), sizeof t);
    return t.tv_sec * kSecond + t.tv_nsec;
  }
  return clock_ns(CLOCK_REALTIME);
}

class Receiver {
 public:
  explicit Receiver(const Options& options)
      : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        flows_(options.flows),
        trackers_(options.losses ? options.flows : 0),
        told_ns_(clock_ns(CLOCK_REALTIME)) {
    for (Flow& flow : flows_) flow.arrived_ns = told_ns_;
    const int on = 1, buffer = 16 << 20;
    const timeval patience{0, 100'000};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(fd_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in own = address_of(options.from, options.port);
    if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) fail("bind");
    for (std::size_t i = 0; i < kBurst; ++i) {
      parts_[i] = {&payloads_[i], sizeof payloads_[i]};
    }
  }

  void run(double seconds) {
    const auto length = static_cast<std::int64_t>(seconds * static_cast<double>(kSecond));
    const std::int64_t end = clock_ns(CLOCK_MONOTONIC) + length;
    while (clock_ns(CLOCK_MONOTONIC) < end) {
      receive();
      tell_silence_and_doubles();
    }
    for (unsigned i = 0; i < trackers_.size(); ++i) {
      trackers_[i].finish([i](const Loss& loss) { tell(i, loss); });
    }
  }

  [[nodiscard]] nlohmann::json report() const {
    using nlohmann::json;
    const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
    json flows = json::array();
    std::int64_t gap = 0, pause = 0;
    std::uint64_t lost = 0, received = 0;
    for (const Flow& flow : flows_) {
      gap = std::max(gap, flow.longest_gap_ns);
      pause = std::max(pause, flow.longest_pause_ns);
      lost += flow.received == 0 ? 0 : flow.lost();
      received += flow.received;
      flows.push_back({{"received", flow.received},
                       {"lost", flow.received == 0 ? 0 : flow.lost()},
                       {"longest_loss", flow.longest_loss},
                       {"reordered", flow.reordered},
                       {"longest_gap_ms", ms(flow.longest_gap_ns)}});
    }
    return {{"received", received},
            {"lost", lost},
            {"longest_gap_ms", ms(gap)},
            {"longest_sender_pause_ms", ms(pause)},
            {"flows", std::move(flows)}};
  }

 private:
  static constexpr std::size_t kBurst = 64;

  void receive() {
    for (std::size_t i = 0; i < kBurst; ++i) {
      messages_[i] = {};
      msghdr& header = messages_[i].msg_hdr;
      header.msg_iov = &parts_[i];
      header.msg_iovlen = 1;
      header.msg_control = controls_[i].data();
      header.msg_controllen = controls_[i].size();
    }
    const int count = recvmmsg(fd_.get(), messages_.data(), kBurst, MSG_WAITFORONE, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto n = static_cast<std::size_t>(i);
      const Payload& payload = payloads_[n];
      const bool ours = messages_[n].msg_len == sizeof payload && payload.magic == kMagic;
      if (!ours || payload.flow >= flows_.size()) continue;
      flows_[payload.flow].take(payload, arrival_ns(messages_[n].msg_hdr));
      if (trackers_.empty()) continue;
      const bool fresh = trackers_[payload.flow].take(
          payload.sequence, payload.sent_ns,
          [flow = payload.flow](const Loss& loss) { tell(flow, loss); });
      if (!fresh) doubles_.take(payload.sent_ns);
    }
  }

  static void tell(const nlohmann::json& line) {
    fmt::print("{}\n", line.dump());
    std::fflush(stdout);
  }
  static void tell(unsigned flow, const Loss& loss) {
    tell({{"flow", flow},
          {"first", loss.first},
          {"lost", loss.count},
          {"after_ns", loss.after_ns},
          {"before_ns", loss.before_ns}});
  }
  /// A flow that is dead has no loss to tell: nothing comes behind it.
  void tell_silence_and_doubles() {
    const std::int64_t now = clock_ns(CLOCK_REALTIME);
    if (trackers_.empty() || now < told_ns_ + kSecond) return;
    told_ns_ = now;
    std::int64_t since = now;
    for (const Flow& flow : flows_) since = std::min(since, flow.arrived_ns);
    tell({{"at_ns", now}, {"silent_ms", (now - since) / 1'000'000}});
    if (doubles_.count == 0) return;
    tell({{"twice", doubles_.count},
          {"first_ns", doubles_.first_ns},
          {"last_ns", doubles_.last_ns}});
    doubles_ = {};
  }

  FileDescriptor fd_;
  std::vector<Flow> flows_;
  std::vector<LossTracker> trackers_;  ///< none: losses are not told
  std::int64_t told_ns_;               ///< when silence was told last
  Doubles doubles_;                    ///< since then
  std::array<Payload, kBurst> payloads_;
  std::array<iovec, kBurst> parts_;
  std::array<mmsghdr, kBurst> messages_{};
  struct alignas(cmsghdr) Control : std::array<char, 128> {};
  std::array<Control, kBurst> controls_{};
};

int run(int argc, char** argv) {
  Options options;
  CLI::App app{"Steady UDP flows, and the longest gap that any of them saw."};
  app.require_subcommand(1);
  auto* const sender = app.add_subcommand("send", "send");
  auto* const receiver = app.add_subcommand("receive", "receive, and report as JSON at the end");
  for (auto* const sub : {sender, receiver}) {
    sub->add_option("--from", options.from, "own address");
    sub->add_option("--port", options.port, "UDP port of the receiver")->capture_default_str();
    sub->add_option("--flows", options.flows, "flows")->capture_default_str();
    sub->add_option("--seconds", options.seconds, "how long")->capture_default_str();
  }
  sender->add_option("--to", options.to, "the receiver's address")->required();
  sender->add_option("--rate", options.rate, "packets a second of each flow")
      ->capture_default_str();
  receiver->add_flag("--losses", options.losses, "tell each loss when it is known, and silence");
  CLI11_PARSE(app, argc, argv);
  if (sender->parsed()) {
    send(options);
    return 0;
  }
  Receiver end{options};
  fmt::print("ready\n");
  std::fflush(stdout);
  end.run(options.seconds);
  fmt::print("{}\n", end.report().dump());
  return 0;
}

}  // namespace
}  // namespace lastmile::flows

int main(int argc, char** argv) {
  return lastmile::flows::run(argc, argv);
}

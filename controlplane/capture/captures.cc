#include "controlplane/capture/captures.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "controlplane/capture/pcapng.h"
#include "controlplane/config/suggest.h"
#include "controlplane/io/quiet_thread.h"

namespace lastmile {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kAny = "any";
constexpr const char* kDrops = "drops";

/// Between two looks at empty rings.
constexpr milliseconds kPause{5};
/// Octets that are sent at once, about.
constexpr std::size_t kPiece = std::size_t{256} << 10;
/// A reader that takes nothing for so long has gone.
constexpr milliseconds kPatience{10'000};
constexpr milliseconds kPatienceStep{100};

/// Wall time of the workers' cycle counter. Set anew again and again, for the two drift apart.
class CycleWallClock {
 public:
  explicit CycleWallClock(std::uint64_t cycles_per_second)
      : nanoseconds_per_cycle_(1e9 / static_cast<double>(cycles_per_second)) {}

  void set(std::uint64_t cycles, std::chrono::system_clock::time_point now) {
    cycles_ = cycles;
    now_ = std::chrono::time_point_cast<std::chrono::nanoseconds>(now);
  }
  /// Close to the last `set`.
  [[nodiscard]] pcapng::Time at(std::uint64_t cycles) const {
    const auto apart = static_cast<std::int64_t>(cycles - cycles_);
    return now_ + std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(apart) *
                                                                     nanoseconds_per_cycle_)};
  }

 private:
  const double nanoseconds_per_cycle_;
  std::uint64_t cycles_ = 0;
  pcapng::Time now_{};
};

pcapng::Direction direction_of(const CapturedHeader& header) {
  switch (header.point) {
    case CapturePoint::kReceived:
      return pcapng::Direction::kInbound;
    case CapturePoint::kSent:
      return pcapng::Direction::kOutbound;
    case CapturePoint::kDropped:
      break;
  }
  return header.interface == kRouterItself ? pcapng::Direction::kOutbound
                                           : pcapng::Direction::kInbound;
}

std::string comment_of(const CapturedHeader& header) {
  if (header.point != CapturePoint::kDropped) return {};
  const DropReasonFacts& facts = kDropReasons[static_cast<std::size_t>(header.reason)];
  return fmt::format("dropped, {}: {}", facts.name, facts.text);
}

/// A capture that workers write to, until leave() or the end of the scope.
class OnBoard {
 public:
  OnBoard(CaptureBoard& board, unsigned slot) : board_(&board), slot_(slot) {}
  OnBoard(const OnBoard&) = delete;
  OnBoard& operator=(const OnBoard&) = delete;
  ~OnBoard() { leave(); }
  void leave() {
    if (CaptureBoard* board = std::exchange(board_, nullptr)) board->remove(slot_);
  }

 private:
  CaptureBoard* board_;
  const unsigned slot_;
};

}  // namespace

/// One capture and its thread.
class Captures::Session {
 public:
  Session(const Outside& outside, const CaptureRequest& request, std::vector<Interface> interfaces);
  ~Session() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start(FileDescriptor connection) {
    connection_ = std::move(connection);
    try {
      thread_ = quiet_thread([this] { run(); });
    } catch (const std::system_error& error) {  // no more threads: nothing of the router's is hurt
      send(Json{{"ok", false}, {"error", fmt::format("no capture: {}", error.what())}}.dump() +
           "\n");
      connection_ = {};
    }
  }
  [[nodiscard]] bool has_ended() const { return ended_ || !thread_.joinable(); }

 private:
  enum class Patience : std::uint8_t { kNone, kPause };

  void run();
  void stream();
  void write_beginning();
  /// Takes what lies in the rings, until there is enough to send or a limit is reached. Returns
  /// whether there may be more.
  bool take();
  void write(const CapturedPacket& packet);
  void write_end();
  /// Has the reader gone, or asked for the end?
  void look_at_reader(Patience patience);
  /// Sends what is written. False: the reader is gone.
  bool flush();
  bool send(std::string_view octets);
  void end(const char* why) {
    if (why_ == nullptr) why_ = why;
  }

  const Outside& outside_;
  const CaptureRequest limits_;
  const std::vector<Interface> interfaces_;
  std::array<std::uint32_t, 64> numbers_{};  ///< in the file, by interface
  Capture capture_;
  FileDescriptor connection_;
  CycleWallClock clock_;

  std::string out_;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;  ///< those of out_ included
  bool reader_has_gone_ = false;
  const char* why_ = nullptr;  ///< why it ends

  std::atomic<bool> stopping_{false};  // control: writes; the session's thread: reads
  std::atomic<bool> ended_{false};     // the session's thread: writes; control: reads
  std::thread thread_;
};

Captures::Session::Session(const Outside& outside, const CaptureRequest& request,
                           std::vector<Interface> interfaces)
    : outside_(outside),
      limits_(request),
      interfaces_(std::move(interfaces)),
      clock_(outside.cycles_per_second) {
  capture_.of = request.of == kDrops ? Capture::Of::kDrops : Capture::Of::kTraffic;
  capture_.snap = request.snap;
  capture_.filter = request.filter;
  for (std::uint32_t i = 0; i < interfaces_.size(); ++i) {
    capture_.interfaces.add(interfaces_[i].id);
    numbers_[interfaces_[i].id.value()] = i;
  }
}

void Captures::Session::run() {
  pthread_setname_np(pthread_self(), "lm-capture");
  try {
    capture_.make_rings(outside_.workers, outside_.ring_bytes);
    stream();
  } catch (const std::bad_alloc&) {
    send("{\"ok\":false,\"error\":\"not enough memory for a capture\"}\n");
  }
  connection_ = {};
  ended_ = true;
}

void Captures::Session::stream() {
  const auto slot = outside_.board.add(capture_);
  if (!slot) {
    send("{\"ok\":false,\"error\":\"too many captures run\"}\n");
    return;
  }
  // Whatever becomes of this thread: workers must not write into rings that are gone.
  OnBoard on_board{outside_.board, *slot};
  const auto deadline = steady_clock::now() + limits_.time;
  send("{\"ok\":true,\"data\":{}}\n");
  write_beginning();
  while (why_ == nullptr) {
    const bool more = take();
    if (!flush()) break;
    if (steady_clock::now() >= deadline) end("time is over");
    if (stopping_) end("the router stops");
    look_at_reader(more ? Patience::kNone : Patience::kPause);
  }
  on_board.leave();
  // What was seen before the end is not lost.
  while (!reader_has_gone_ && take() && flush()) {
  }
  write_end();
}

void Captures::Session::write_beginning() {
  pcapng::append_section(out_, outside_.application);
  for (const Interface& interface : interfaces_) {
    pcapng::append_interface(out_, {interface.name, interface.description, limits_.snap});
  }
  bytes_ = out_.size();
}

bool Captures::Session::take() {
  clock_.set(outside_.cycles(), std::chrono::system_clock::now());
  while (out_.size() < kPiece) {
    // The oldest of all rings first: each is in the order of time.
    PacketRing* oldest = nullptr;
    std::optional<CapturedPacket> packet;
    for (const auto& ring : capture_.rings) {
      const auto front = ring->front();
      if (!front) continue;
      if (packet && front->header.cycles >= packet->header.cycles) continue;
      packet = front;
      oldest = ring.get();
    }
    if (!packet || packets_ == limits_.packets || bytes_ >= limits_.bytes) return false;
    write(*packet);
    oldest->pop();
  }
  return true;
}

void Captures::Session::write(const CapturedPacket& packet) {
  const std::size_t before = out_.size();
  pcapng::append_packet(out_, {.interface = numbers_[packet.header.interface.value()],
                               .at = clock_.at(packet.header.cycles),
                               .octets = packet.octets,
                               .length = packet.header.length,
                               .direction = direction_of(packet.header),
                               .comment = comment_of(packet.header)});
  bytes_ += out_.size() - before;
  if (bytes_ > limits_.bytes) {
    bytes_ = limits_.bytes;
    out_.resize(before);
    return end("the file is full");
  }
  if (++packets_ == limits_.packets) end("all packets are there");
}

void Captures::Session::write_end() {
  const std::uint64_t lost = capture_.lost();
  clock_.set(outside_.cycles(), std::chrono::system_clock::now());
  // Which interface lost packets would be of is not known.
  pcapng::append_statistics(out_, {.interface = 0,
                                   .at = clock_.at(outside_.cycles()),
                                   .received = packets_ + lost,
                                   .lost = lost});
  if (!flush()) return;
  const Json summary{{"packets", packets_}, {"lost", lost}, {"ended", why_}};
  send(Json{{"ok", true}, {"data", summary}}.dump() + "\n");
}

void Captures::Session::look_at_reader(Patience patience) {
  pollfd reader{connection_.get(), POLLIN, 0};
  const bool pause = patience == Patience::kPause && why_ == nullptr;
  if (::poll(&reader, 1, pause ? static_cast<int>(kPause.count()) : 0) > 0) end("asked for");
}

bool Captures::Session::flush() {
  if (out_.empty()) return !reader_has_gone_;
  const bool sent = send(fmt::format("{{\"bytes\":{}}}\n", out_.size())) && send(out_);
  out_.clear();
  return sent;
}

bool Captures::Session::send(std::string_view octets) {
  milliseconds waited{0};
  while (!octets.empty() && !reader_has_gone_) {
    const ssize_t took =
        ::send(connection_.get(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (took > 0) {
      octets.remove_prefix(static_cast<std::size_t>(took));
      waited = milliseconds{0};
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || stopping_ || waited >= kPatience) {
      reader_has_gone_ = true;
      break;
    }
    pollfd reader{connection_.get(), POLLOUT, 0};
    if (::poll(&reader, 1, static_cast<int>(kPatienceStep.count())) == 0) waited += kPatienceStep;
  }
  return !reader_has_gone_;
}

Captures::Captures(Outside outside) : outside_(std::move(outside)) {}
Captures::~Captures() = default;

tl::expected<std::vector<Captures::Interface>, std::string> Captures::interfaces_of(
    const std::string& name) const {
  std::vector<Interface> found = outside_.interfaces;
  if (name == kAny) return found;
  if (name == kDrops) {
    found.push_back({kRouterItself, "router", "packets that the router itself makes"});
    return found;
  }
  std::erase_if(found, [&](const Interface& one) { return one.name != name; });
  if (!found.empty()) return found;
  std::vector<std::string> known;
  for (const Interface& one : outside_.interfaces) known.push_back(one.name);
  known.insert(known.end(), {kAny, kDrops});
  return tl::unexpected(
      fmt::format("there is no port \"{}\"; {}", name.substr(0, 100), hint(name, known)));
}

tl::expected<Captures::Start, std::string> Captures::prepare(const CaptureRequest& request) {
  auto interfaces = interfaces_of(request.of);
  if (!interfaces) return tl::unexpected(interfaces.error());
  std::erase_if(sessions_, [](const auto& session) { return session->has_ended(); });
  if (sessions_.size() >= CaptureBoard::kSlots) {
    return tl::unexpected(fmt::format("{} captures run already; expected one of them to end first",
                                      CaptureBoard::kSlots));
  }
  sessions_.push_back(std::make_unique<Session>(outside_, request, std::move(*interfaces)));
  return [session = sessions_.back().get()](FileDescriptor connection) {
    session->start(std::move(connection));
  };
}

}  // namespace lastmile

#include "tools/feed_src/feeder.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tools/feed_src/command.h"
#include "tools/feed_src/peer.h"

namespace lastmile::feed {
namespace {

using json = nlohmann::json;

constexpr double kRetry_s = 0.1;

void print(const json& line) {
  const std::string text = line.dump() + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// The end of a session's link as next hops.
Speaker speaker_of(const Options& options, const Session& session) {
  Speaker speaker;
  speaker.asn = session.settings().asn;
  speaker.codec.extended_next_hop = {bgp::Family::kIpv4Unicast};
  const End local = session.local_end();
  if (const auto* const v4 = std::get_if<Ipv4Address>(&local.address)) {
    speaker.next_hop_v4.v4 = *v4;
    if (options.next_hop_v6) {
      speaker.next_hop_v6.global = std::get<Ipv6Address>(*options.next_hop_v6);
    }
    return speaker;
  }
  const Ipv6Address v6 = std::get<Ipv6Address>(local.address);
  (v6.is_link_local() ? speaker.next_hop_v6.link_local : speaker.next_hop_v6.global) = v6;
  speaker.next_hop_v4 = speaker.next_hop_v6;  // RFC 8950
  return speaker;
}

}  // namespace

Feeder::Feeder(Options options, Table table)
    : options_(std::move(options)), table_(std::move(table)) {}

Feeder::~Feeder() = default;

tl::expected<void, std::string> Feeder::open() {
  if (!options_.discover.empty()) {
    auto discovery = Discovery::open(options_.discover);
    if (!discovery) return tl::unexpected(discovery.error());
    discovery_.emplace(std::move(*discovery));
  }
  add_peers();
  if (!options_.listen) return {};
  for (unsigned i = 0; i < (options_.connect ? 1 : peers_.size()); ++i) {
    if (auto opened = open_listener(options_.listen->after(i)); !opened) return opened;
  }
  return {};
}

void Feeder::add_peers() {
  const unsigned count = options_.peers + options_.receivers;
  for (unsigned i = 0; i < count; ++i) {
    auto peer = std::make_unique<Peer>();
    peer->number = i;
    peer->role = i < options_.peers ? Peer::Role::kAnnouncer : Peer::Role::kReceiver;
    if (peer->role == Peer::Role::kAnnouncer && options_.share == Options::Share::kPart) {
      peer->part = slice(table_, i, options_.peers);
    }
    if (options_.sessions == Options::Sessions::kClosed) peer->wish = Peer::Wish::kClosed;
    Session::Settings settings;
    if (options_.connect) settings.remote = *options_.connect;
    if (options_.source) settings.local = options_.source->after(i);
    settings.asn = bgp::Asn{options_.asn + (options_.asn_step == Options::AsnStep::kNext ? i : 0)};
    settings.identifier =
        Ipv4Address{10, 99, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i + 1)};
    settings.hold_s = options_.hold_s;
    Session::Observer observer;
    observer.connected = [this, p = peer.get()] { encode_for(*p); };
    observer.established = [this, p = peer.get()] {
      print({{"event", "established"}, {"peer", p->number}, {"at", p->session->established_at()}});
      if (options_.start == Options::Start::kAtOnce && p->announce) {
        p->session->start(p->announce, 0);
      }
    };
    observer.down = [p = peer.get()](const std::string& reason) {
      p->retry_at = now_s() + kRetry_s;
      // One line for each reason, not for each of the attempts until the other side listens.
      if (reason != p->last_reason) {
        print({{"event", "down"}, {"peer", p->number}, {"at", now_s()}, {"reason", reason}});
      }
      p->last_reason = reason;
    };
    peer->session = std::make_unique<Session>(std::move(settings), std::move(observer));
    peers_.push_back(std::move(peer));
  }
}

/// What a peer announces and withdraws, once for each address that it speaks from.
void Feeder::encode_for(Peer& peer) {
  if (peer.role == Peer::Role::kReceiver) return;
  const std::string local = to_string(peer.session->local_end());
  if (peer.encoded_for == local) return;
  peer.encoded_for = local;
  const Table& table = options_.share == Options::Share::kPart ? peer.part : table_;
  peer.speaker = speaker_of(options_, *peer.session);
  const double began = now_s();
  peer.announce = std::make_shared<const Stream>(announce_stream(table, peer.speaker));
  peer.withdraw = std::make_shared<const Stream>(withdraw_stream(table, peer.speaker));
  print({{"event", "encoded"},
         {"peer", peer.number},
         {"routes", peer.announce->routes()},
         {"attribute_sets", table.sets.size()},
         {"messages", peer.announce->marks.size()},
         {"bytes", peer.announce->bytes.size()},
         {"seconds", now_s() - began},
         {"table", table.source}});
}

tl::expected<void, std::string> Feeder::open_listener(const End& end) {
  RawAddress raw = to_raw(end);
  FileDescriptor fd{
      socket(raw.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), raw.get(), raw.length) != 0 || ::listen(fd.get(), 64) != 0) {
    return tl::unexpected(
        fmt::format("listen on {} port {}: {}", to_string(end), end.port, std::strerror(errno)));
  }
  listeners_.push_back(std::move(fd));
  return {};
}

/// Listener n is peer n's, if each has one; with one listener, the remote address tells.
void Feeder::accept_from(int listener) {
  RawAddress raw;
  FileDescriptor fd{accept4(listener, raw.get(), &raw.length, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (fd.get() < 0) return;
  const auto at = std::ranges::find(listeners_, listener, &FileDescriptor::get);
  const End remote = from_raw(raw);
  for (const auto& peer : peers_) {
    if (peer->session->state() != Session::State::kIdle || peer->wish == Peer::Wish::kClosed) {
      continue;
    }
    const auto& wanted = peer->session->settings().remote;
    const bool mine = wanted ? wanted->same_host(remote) : listeners_.begin() + peer->number == at;
    if (mine) return peer->session->adopt(std::move(fd));
  }
}

void Feeder::poll_once(double wait_s) {
  const double now = now_s();
  std::vector<pollfd> fds;
  std::vector<std::function<void(short)>> ready;
  const auto watch = [&](int fd, short events, std::function<void(short)> function) {
    fds.push_back({fd, events, 0});
    ready.push_back(std::move(function));
  };
  bool busy = false;
  for (const auto& peer : peers_) {
    Session& session = *peer->session;
    const bool dials = session.settings().remote && !options_.listen;
    if (session.state() == Session::State::kIdle && peer->wish == Peer::Wish::kOpen && dials &&
        now >= peer->retry_at) {
      session.connect();
    }
    session.tick(now);
    busy = busy || !session.quiet();
    if (session.fd() >= 0) {
      watch(session.fd(), session.wanted(now), [&session](short events) { session.ready(events); });
    }
  }
  for (const FileDescriptor& listener : listeners_) {
    watch(listener.get(), POLLIN, [this, fd = listener.get()](short) { accept_from(fd); });
  }
  if (discovery_) {
    discovery_->tick(now);
    watch(discovery_->fd(), POLLIN, [this](short) {
      const auto heard = discovery_->receive(options_.port);
      if (heard) {
        for (const auto& peer : peers_) peer->session->set_remote(*heard);
      }
    });
  }
  if (options_.commands.empty() && input_ == Input::kOpen) {
    watch(STDIN_FILENO, POLLIN, [this](short) { read_commands(); });
  }
  // A rate and an acknowledgement are looked after every millisecond.
  const double wait = std::min(wait_s, busy ? 0.001 : 0.05);
  if (poll(fds.data(), fds.size(), static_cast<int>(wait * 1000)) <= 0) return;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].revents != 0) ready[i](fds[i].revents);
  }
}

bool Feeder::run_until(const Done& done, double patience_s) {
  const double deadline = now_s() + patience_s;
  while (!done()) {
    if (now_s() > deadline) return false;
    poll_once(0.05);
  }
  return true;
}

void Feeder::read_commands() {
  std::array<char, 4096> buffer;
  const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (got <= 0) {
    input_ = Input::kEnded;
    return;
  }
  typed_.append(buffer.data(), static_cast<std::size_t>(got));
  for (std::size_t end; (end = typed_.find('\n')) != std::string::npos;) {
    pending_.push_back(typed_.substr(0, end));
    typed_.erase(0, end + 1);
  }
}

bool Feeder::run() {
  bool good = true;
  pending_ = options_.commands;
  while (!leaving_) {
    if (pending_.empty()) {
      if (!options_.commands.empty() || input_ == Input::kEnded) break;
      poll_once(0.05);
      continue;
    }
    const std::string line = pending_.front();
    pending_.erase(pending_.begin());
    good = execute(line) && good;
  }
  return good;
}

// --- commands ----------------------------------------------------------------------------------

bool Feeder::execute(const std::string& line) {
  const auto command = Command::parse(line);
  Result result = command ? perform(*command) : tl::unexpected(command.error());
  json answer = result ? std::move(*result) : json{{"error", result.error()}};
  answer["command"] = line;
  answer["at"] = now_s();
  print(answer);
  return !answer.contains("error");
}

}  // namespace lastmile::feed

// What each command does.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/feed_src/command.h"
#include "tools/feed_src/peer.h"

namespace lastmile::feed {

namespace {

using json = nlohmann::json;

}  // namespace

std::vector<Feeder::Peer*> Feeder::chosen(const Command& command) {
  std::vector<Peer*> chosen;
  for (const auto& peer : peers_) {
    const bool any = !command.peer && peer->role == Peer::Role::kAnnouncer;
    if (any || command.peer == peer->number) chosen.push_back(peer.get());
  }
  return chosen;
}

Feeder::Result Feeder::perform(const Command& command) {
  switch (command.verb) {
    case Verb::kAnnounce:
      return transfer(command, "announced", [](Peer& peer) { return peer.announce; });
    case Verb::kWithdraw:
      return transfer(command, "withdrawn", [](Peer& peer) { return peer.withdraw; });
    case Verb::kChurn:
      return churn(command);
    case Verb::kFlap:
      return flap(command);
    case Verb::kExpect:
      return expect(command);
    case Verb::kClose:
      for (Peer* const peer : chosen(command)) {
        peer->wish = Peer::Wish::kClosed;
        peer->session->close();
      }
      return json{{"event", "closed"}};
    case Verb::kOpen: {
      for (Peer* const peer : chosen(command)) {
        peer->wish = Peer::Wish::kOpen;
        peer->last_reason.clear();
      }
      const auto up = [&] {
        return std::ranges::all_of(chosen(command), [](Peer* peer) {
          return peer->session->state() == Session::State::kEstablished;
        });
      };
      if (!run_until(up, options_.patience_s)) return tl::unexpected<std::string>("not up in time");
      return json{{"event", "opened"}};
    }
    case Verb::kWait:
      run_until([] { return false; }, command.seconds);
      return json{{"event", "waited"}};
    case Verb::kMark:
      for (const auto& peer : peers_) peer->session->clear_tally();
      return json{{"event", "marked"}};
    case Verb::kReport: {
      json peers = json::array();
      for (const auto& peer : peers_) {
        const Tally& tally = peer->session->tally();
        peers.push_back({{"peer", peer->number},
                         {"established", peer->session->state() == Session::State::kEstablished},
                         {"bytes", tally.bytes},
                         {"updates", tally.updates},
                         {"announced", tally.announced},
                         {"withdrawn", tally.withdrawn},
                         {"end_of_rib", tally.end_of_rib},
                         {"malformed", tally.malformed},
                         {"first_update", peer->session->first_update()},
                         {"last_update", peer->session->last_update()}});
      }
      return json{{"event", "report"}, {"peers", std::move(peers)}};
    }
    case Verb::kQuit:
      leaving_ = true;
      for (const auto& peer : peers_) {
        peer->wish = Peer::Wish::kClosed;
        peer->session->close();
      }
      return json{{"event", "quit"}};
  }
  return tl::unexpected<std::string>("no such command");
}

/// Sends a stream to each chosen peer and waits until all of it is acknowledged.
Feeder::Result Feeder::transfer(const Command& command, const char* what,
                                const std::function<std::shared_ptr<const Stream>(Peer&)>& stream) {
  const std::vector<Peer*> peers = chosen(command);
  const auto all = [&](auto&& test) {
    return [&peers, test] {
      return std::ranges::all_of(peers, [&](Peer* peer) { return test(*peer->session); });
    };
  };
  if (!run_until(all([](const Session& s) { return s.state() == Session::State::kEstablished; }),
                 options_.patience_s)) {
    return tl::unexpected<std::string>("a session is not up in time");
  }
  for (Peer* const peer : peers) {
    auto prepared = stream(*peer);
    if (!prepared) return tl::unexpected<std::string>("a peer that only receives has no table");
    peer->session->start(std::move(prepared), command.rate);
  }
  const double enough = options_.patience_s + (command.rate > 0 ? 1e9 : 0);
  const auto finished =
      all([](const Session& s) { return s.state() != Session::State::kEstablished || s.quiet(); });
  if (!run_until(finished, enough)) {
    return tl::unexpected<std::string>("the other side does not read");
  }
  json answers = json::array();
  std::uint64_t routes = 0;
  double began = 0, acked = 0;
  for (Peer* const peer : peers) {
    const auto& transfer = peer->session->transfer();
    if (!transfer) return tl::unexpected<std::string>("a session went down meanwhile");
    routes += transfer->stream->routes();
    began = began == 0 ? transfer->began : std::min(began, transfer->began);
    acked = std::max(acked, transfer->acked);
    answers.push_back({{"peer", peer->number},
                       {"routes", transfer->stream->routes()},
                       {"messages", transfer->stream->marks.size()},
                       {"bytes", transfer->stream->bytes.size()},
                       {"began", transfer->began},
                       {"sent", transfer->sent},
                       {"acked", transfer->acked}});
  }
  const double seconds = acked - began;
  return json{{"event", what},
              {"routes", routes},
              {"began", began},
              {"acked", acked},
              {"seconds", seconds},
              {"routes_per_s", seconds > 0 ? static_cast<double>(routes) / seconds : 0},
              {"peers", std::move(answers)}};
}

Feeder::Result Feeder::churn(const Command& command) {
  std::map<unsigned, std::shared_ptr<const Stream>> streams;
  const double rate = command.rate > 0 ? command.rate : 10000;
  for (Peer* const peer : chosen(command)) {
    if (peer->session->state() != Session::State::kEstablished) {
      return tl::unexpected<std::string>("a session is not up");
    }
    const Table& table = options_.share == Options::Share::kPart ? peer->part : table_;
    // Four messages for each prefix.
    const auto prefixes = static_cast<std::size_t>(rate * command.seconds / 4);
    streams[peer->number] =
        std::make_shared<const Stream>(churn_stream(table, peer->speaker, prefixes));
  }
  Command paced = command;
  paced.rate = rate;
  return transfer(paced, "churned", [&](Peer& peer) { return streams[peer.number]; });
}

Feeder::Result Feeder::flap(const Command& command) {
  for (unsigned i = 0; i < command.count; ++i) {
    if (auto result = transfer(command, "withdrawn", [](Peer& p) { return p.withdraw; }); !result) {
      return result;
    }
    run_until([] { return false; }, command.seconds);
    if (auto result = transfer(command, "announced", [](Peer& p) { return p.announce; }); !result) {
      return result;
    }
    run_until([] { return false; }, command.seconds);
  }
  return json{{"event", "flapped"}, {"count", command.count}};
}

/// Waits until a peer (or all of them) has heard that many prefixes since the last `mark`.
Feeder::Result Feeder::expect(const Command& command) {
  double last = 0;
  const auto heard = [&] {
    last = 0;
    for (const auto& peer : peers_) {
      if (command.peer && *command.peer != peer->number) continue;
      if (!command.peer && peer->role != Peer::Role::kReceiver && options_.receivers > 0) continue;
      const Tally& tally = peer->session->tally();
      if (tally.announced < command.announced || tally.withdrawn < command.withdrawn) return false;
      last = std::max(last, peer->session->last_update());
    }
    return true;
  };
  if (!run_until(heard, command.seconds > 0 ? command.seconds : options_.patience_s)) {
    return tl::unexpected<std::string>("not heard in time");
  }
  return json{{"event", "heard"}, {"last_update", last}};
}

}  // namespace lastmile::feed

// All sessions of the feed and the commands that drive them, on one thread around poll().
//
//   Feeder feeder(options, table);
//   feeder.open();                       // listeners, sessions
//   feeder.run();                        // commands from options.commands, else from standard
//   input
//
// Every command ends with one line of JSON on standard output; sessions that come up or go down
// write a line of their own when it happens. Times are seconds of CLOCK_MONOTONIC.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

#include "tools/feed_src/discovery.h"
#include "tools/feed_src/session.h"
#include "tools/feed_src/table.h"

namespace lastmile::feed {

struct Options {
  std::optional<End> connect, listen, source;
  std::string discover;                  ///< an interface; else empty
  std::optional<IpAddress> next_hop_v6;  ///< for IPv6 routes over an IPv4 session
  std::uint16_t port = bgp::kBgpPort;
  unsigned peers = 1;      ///< that announce
  unsigned receivers = 0;  ///< more peers, that only listen
  std::uint32_t asn = 65001;
  enum class AsnStep : std::uint8_t { kSame, kNext } asn_step = AsnStep::kNext;
  enum class Share : std::uint8_t { kWhole, kPart } share = Share::kWhole;
  enum class Start : std::uint8_t { kOnCommand, kAtOnce } start = Start::kOnCommand;
  enum class Sessions : std::uint8_t { kOpen, kClosed } sessions = Sessions::kOpen;  ///< at first
  std::uint16_t hold_s = 90;
  double patience_s = 60;  ///< for sessions to come up, and for what a command waits for
  std::vector<std::string> commands;
};

class Feeder {
 public:
  Feeder(Options options, Table table);
  ~Feeder();

  tl::expected<void, std::string> open();
  /// False if a command failed.
  bool run();

 private:
  struct Peer;
  struct Command;
  using Result = tl::expected<nlohmann::json, std::string>;
  using Done = std::function<bool()>;

  void add_peers();
  tl::expected<void, std::string> open_listener(const End& end);
  void poll_once(double wait_s);
  void accept_from(int listener);
  bool run_until(const Done& done, double patience_s);
  void read_commands();

  bool execute(const std::string& line);
  Result perform(const Command& command);
  Result transfer(const Command& command, const char* what,
                  const std::function<std::shared_ptr<const Stream>(Peer&)>& stream);
  Result churn(const Command& command);
  Result flap(const Command& command);
  Result expect(const Command& command);
  [[nodiscard]] std::vector<Peer*> chosen(const Command& command);
  void encode_for(Peer& peer);

  Options options_;
  Table table_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<FileDescriptor> listeners_;
  std::optional<Discovery> discovery_;
  std::string typed_;  ///< of standard input, not a whole line yet
  std::vector<std::string> pending_;
  enum class Input : std::uint8_t { kOpen, kEnded } input_ = Input::kOpen;
  bool leaving_ = false;
};

}  // namespace lastmile::feed

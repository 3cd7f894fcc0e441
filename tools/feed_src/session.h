// One BGP session of the feed: a non-blocking socket, the least of RFC 4271's state machine,
// prepared bytes out and a tally of what comes in.
//
// The sender's side of a session is its own clock: nothing is decided, encoded or allocated while a
// table goes out. All times are seconds of CLOCK_MONOTONIC, so that other programs on the machine
// can relate theirs to them. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bgp/wire/message.h"
#include "dataplane/net/file_descriptor.h"
#include "tools/feed_src/address.h"
#include "tools/feed_src/stream.h"
#include "tools/feed_src/tally.h"

namespace lastmile::feed {

/// Seconds of CLOCK_MONOTONIC.
[[nodiscard]] double now_s();

/// A stream on its way to the other side.
struct Transfer {
  std::shared_ptr<const Stream> stream;
  double rate = 0;  ///< routes a second; 0: as fast as the socket takes them
  double began = 0;
  double sent = 0;   ///< when the kernel had taken all of it; 0: not yet
  double acked = 0;  ///< when the other side's TCP had acknowledged all of it; 0: not yet
  std::size_t at = 0;
  std::size_t next_mark = 0;  ///< of the first message that the rate does not allow yet

  /// Octets that may have been sent by now.
  [[nodiscard]] std::size_t allowed(double now);
};

class Session {
 public:
  struct Settings {
    std::optional<End> remote;  ///< none yet: to be discovered
    std::optional<End> local;
    bgp::Asn asn;
    bgp::BgpIdentifier identifier;
    std::uint16_t hold_s = 90;
  };
  enum class State : std::uint8_t { kIdle, kConnecting, kOpenSent, kOpenConfirm, kEstablished };

  /// Called with what to tell: the reason of an end is empty when we closed ourselves.
  struct Observer {
    std::function<void()> connected;  ///< before OPEN is sent: the time to encode
    std::function<void()> established;
    std::function<void(const std::string& reason)> down;
  };

  Session(Settings settings, Observer observer)
      : settings_(std::move(settings)), observer_(std::move(observer)) {}

  void connect();
  void adopt(FileDescriptor fd);
  /// With Cease/Administrative Shutdown, if the session was up.
  void close();
  void set_remote(const End& remote) { settings_.remote = remote; }

  // For the poll loop.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] short wanted(double now);
  void ready(short events);
  /// Keepalives, rates and acknowledgements; often.
  void tick(double now);

  void start(std::shared_ptr<const Stream> stream, double rate);
  [[nodiscard]] const std::optional<Transfer>& transfer() const { return transfer_; }
  /// Nothing is on its way.
  [[nodiscard]] bool quiet() const { return !transfer_ || transfer_->acked != 0; }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] double established_at() const { return established_at_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] End local_end() const;
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] double last_update() const { return last_update_; }
  [[nodiscard]] double first_update() const { return first_update_; }
  void clear_tally();

 private:
  void opened();
  void drop(const std::string& reason);
  void read();
  void write(double now);
  /// The octets of one message; false if the session has ended with it.
  bool message(bgp::Octets octets);
  void say(const std::vector<std::uint8_t>& octets);

  Settings settings_;
  Observer observer_;
  FileDescriptor fd_;
  State state_ = State::kIdle;
  bgp::CodecContext codec_;
  std::vector<std::uint8_t> input_, control_;
  std::size_t input_used_ = 0;
  std::optional<Transfer> transfer_;
  Tally tally_;
  double keepalive_s_ = 30;  ///< a third of the hold time agreed on (RFC 4271 section 4.4)
  double established_at_ = 0, next_keepalive_ = 0, first_update_ = 0, last_update_ = 0;
};

}  // namespace lastmile::feed

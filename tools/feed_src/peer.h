// What the feeder keeps of each session.
#pragma once

#include <memory>
#include <string>

#include "tools/feed_src/feeder.h"
#include "tools/feed_src/stream.h"

namespace lastmile::feed {

struct Feeder::Peer {
  unsigned number = 0;
  enum class Role : std::uint8_t { kAnnouncer, kReceiver } role = Role::kAnnouncer;
  enum class Wish : std::uint8_t { kOpen, kClosed } wish = Wish::kOpen;
  std::unique_ptr<Session> session;
  double retry_at = 0;
  std::string last_reason;
  /// Encoded for this next hop; a new session with another address encodes again.
  std::string encoded_for;
  std::shared_ptr<const Stream> announce, withdraw;
  Speaker speaker;  ///< that they were encoded for
  Table part;       ///< its own share of the table
};

}  // namespace lastmile::feed

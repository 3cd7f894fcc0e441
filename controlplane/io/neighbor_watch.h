// The kernel's table of link-layer neighbors (ARP and ND), by rtnetlink.
//
// The kernel resolves addresses on the ports' twins; we read what it learns. Control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

struct mnl_socket;

namespace lastmile {

class NeighborWatch {
 public:
  /// What the kernel thinks of a neighbor (RFC 4861 section 7.3.2, and its own additions).
  enum class State : std::uint8_t { kReachable, kStale, kProbing, kPermanent, kFailed, kGone };
  /// An entry of the kernel's table: `mac` is empty when the neighbor does not answer or is gone.
  struct Entry {
    unsigned ifindex = 0;
    IpAddress address;
    std::optional<MacAddress> mac;
    State state = State::kGone;
  };
  using Receiver = std::function<void(const Entry&)>;

  /// Subscribes to changes and asks for the whole table, which arrives through receive().
  [[nodiscard]] static tl::expected<NeighborWatch, std::string> open();

  NeighborWatch(NeighborWatch&&) noexcept;
  NeighborWatch& operator=(NeighborWatch&&) noexcept;
  ~NeighborWatch();

  /// Readable when the kernel has something to tell.
  [[nodiscard]] int fd() const;
  /// Reads some of what there is; the descriptor stays readable while there is more. After an
  /// overrun the whole table is asked for again; entries that it no longer has are told of as gone,
  /// so nothing is missed for long.
  void receive(const Receiver& receiver);

  /// Makes the kernel resolve an address as if a packet had to be sent to it (NTF_USE).
  void resolve(unsigned ifindex, const IpAddress& address);
  /// Asks for the whole table again: at once, or when an answer that is on its way has ended.
  void refresh();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit NeighborWatch(mnl_socket* socket) : socket_(socket) {}

  /// An answer to refresh(): what it does not mention by its end is gone.
  enum class Answer : std::uint8_t {
    kNone,      ///< nothing was asked
    kAwaited,   ///< messages that come now are older than the answer
    kUnderWay,  ///< what comes now is newer than its beginning
  };
  void ask_for_table();
  void take(const Entry& entry, std::uint32_t sequence, const Receiver& receiver);
  void answer_ended(const Receiver& receiver);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;        ///< of the last request
  std::uint32_t table_sequence_ = 0;  ///< of the last request for the whole table
  Answer answer_ = Answer::kNone;
  bool ask_again_ = false;  ///< when the answer has ended
  /// What the receiver knows of, and the last answer (its sequence) that has confirmed it.
  std::map<std::pair<unsigned, IpAddress>, std::uint32_t> known_;
};
/// "reachable", "stale", ...
[[nodiscard]] const char* to_string(NeighborWatch::State state);

}  // namespace lastmile

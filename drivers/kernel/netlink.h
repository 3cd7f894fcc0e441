// Talking to the kernel's routing stack: requests that are answered, with the kernel's own words
// when it refuses.
//
//   auto netlink = Netlink::open();
//   NetlinkMessage message(RTM_DELLINK, 0);
//   message.header<ifinfomsg>().ifi_index = index;
//   auto done = netlink->request(message, "delete interface lm0");
//
// The operations that we need are in link.h, address.h and route.h; this is what they share.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "drivers/driver_error.h"

namespace lastmile {

/// One request under construction.
class NetlinkMessage {
 public:
  /// `flags` are added to NLM_F_REQUEST.
  NetlinkMessage(std::uint16_t type, std::uint16_t flags);
  NetlinkMessage(const NetlinkMessage&) = delete;
  NetlinkMessage& operator=(const NetlinkMessage&) = delete;

  /// Appends the family header (ifinfomsg, ifaddrmsg, rtmsg), zeroed. Once, before attributes.
  template <class Header>
  Header& header() {
    return *static_cast<Header*>(mnl_nlmsg_put_extra_header(raw_, sizeof(Header)));
  }

  void put(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(raw_, type, value); }
  void put(std::uint16_t type, std::uint8_t value) { mnl_attr_put_u8(raw_, type, value); }
  void put(std::uint16_t type, const std::string& text) {
    mnl_attr_put_strz(raw_, type, text.c_str());
  }
  template <std::size_t Size>
  void put(std::uint16_t type, const std::array<std::uint8_t, Size>& bytes) {
    mnl_attr_put(raw_, type, Size, bytes.data());
  }
  /// A copy of another message's, for which there is room.
  void put(const nlattr& attribute) {
    mnl_attr_put(raw_, mnl_attr_get_type(&attribute), mnl_attr_get_payload_len(&attribute),
                 mnl_attr_get_payload(&attribute));
  }
  /// Attributes put until the matching end_nest() belong to this one.
  nlattr* begin_nest(std::uint16_t type) { return mnl_attr_nest_start(raw_, type); }
  void end_nest(nlattr* nest) { mnl_attr_nest_end(raw_, nest); }

  [[nodiscard]] nlmsghdr* raw() { return raw_; }

 private:
  alignas(nlmsghdr) std::array<char, 4096> buffer_{};
  nlmsghdr* raw_;
};

/// A NETLINK_ROUTE socket of the network namespace that the opening thread was in.
/// One thread at a time.
class Netlink {
 public:
  /// `groups`: multicast groups (RTMGRP_*) to listen to; 0 for a socket that only asks.
  [[nodiscard]] static Result<Netlink> open(unsigned groups = 0);

  /// Sends the request and waits for the kernel's verdict. `what` names the wish: the error reads
  /// "cannot WHAT: REASON (the kernel's explanation)".
  [[nodiscard]] Result<void> request(NetlinkMessage& message, std::string_view what);

  using Visitor = std::function<void(const nlmsghdr&)>;
  /// Sends a request that is answered by objects (a dump, or a get), each shown to `visit`. An
  /// error with code EINTR if the objects of a dump changed meanwhile, so that some may be missing:
  /// ask again.
  [[nodiscard]] Result<void> query(NetlinkMessage& message, std::string_view what,
                                   const Visitor& visit);

  [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

/// Repeats a dump (Netlink::query) while its objects change under it, some times at most. `ask`
/// begins anew each time.
[[nodiscard]] Result<void> ask_until_settled(const std::function<Result<void>()>& ask);

/// What the kernel says to one request, read from the datagrams that it comes in. Messages that are
/// cut short or inconsistent say nothing.
class NetlinkReplies {
 public:
  /// How a request ended.
  struct Verdict {
    int code = 0;             ///< errno; 0: it was granted
    std::string explanation;  ///< the kernel's own words, if it has any
  };

  NetlinkReplies(std::uint32_t sequence, Netlink::Visitor visit)
      : sequence_(sequence), visit_(std::move(visit)) {}

  /// Shows objects to the visitor; nullopt: the end is still to come. `datagram` is aligned as a
  /// message is.
  [[nodiscard]] std::optional<Verdict> read(std::span<const char> datagram);

 private:
  const std::uint32_t sequence_;  ///< of the request; other messages are leftovers
  const Netlink::Visitor visit_;
  bool changed_meanwhile_ = false;
};

/// Runs `visit` for each message of a datagram.
void for_each_message(std::span<const char> datagram, const Netlink::Visitor& visit);

/// The family header (ifinfomsg, ...) of a message; null if the message is too short to have one.
template <class Header>
[[nodiscard]] const Header* family_header(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}
/// An attribute as text, which ends at its first NUL or with the attribute.
[[nodiscard]] std::string text_of(const nlattr& attribute);
/// An attribute as a number; 0 if it is too short for one.
[[nodiscard]] std::uint32_t number_of(const nlattr& attribute);

/// Runs `visit` for each attribute behind a family header of `header_size` bytes.
void for_each_attribute(const nlmsghdr& message, std::size_t header_size,
                        const std::function<void(const nlattr&)>& visit);
/// The same for the attributes inside another.
void for_each_nested(const nlattr& nest, const std::function<void(const nlattr&)>& visit);

}  // namespace lastmile

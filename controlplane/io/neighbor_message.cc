#include "controlplane/io/neighbor_message.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "dataplane/net/netlink_datagram.h"

namespace lastmile {
namespace {

// An address can be used while the kernel believes it, also while it makes sure (RFC 4861 7.3.2).
constexpr unsigned kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

NeighborWatch::State state_of(unsigned nud) {
  if ((nud & NUD_FAILED) != 0) return NeighborWatch::State::kFailed;
  if ((nud & NUD_PERMANENT) != 0) return NeighborWatch::State::kPermanent;
  if ((nud & NUD_STALE) != 0) return NeighborWatch::State::kStale;
  if ((nud & (NUD_DELAY | NUD_PROBE)) != 0) return NeighborWatch::State::kProbing;
  return NeighborWatch::State::kReachable;
}

int copy_attribute(const nlattr* attribute, void* data) {
  auto& table = *static_cast<std::array<const nlattr*, NDA_MAX + 1>*>(data);
  const auto type = mnl_attr_get_type(attribute);
  if (type <= NDA_MAX) table[type] = attribute;
  return MNL_CB_OK;
}

std::optional<IpAddress> address_of(const nlattr* attribute, unsigned char family) {
  const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
  const auto size = mnl_attr_get_payload_len(attribute);
  if (family == AF_INET && size == 4) {
    return Ipv4Address::from_wire(std::span<const std::uint8_t, 4>{bytes, 4});
  }
  if (family == AF_INET6 && size == 16) {
    return Ipv6Address::from_wire(std::span<const std::uint8_t, 16>{bytes, 16});
  }
  return std::nullopt;
}

int read_neighbor(const nlmsghdr* header, void* data) {
  if (header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH) return MNL_CB_OK;
  if (mnl_nlmsg_get_payload_len(header) < sizeof(ndmsg)) return MNL_CB_OK;
  const auto* neighbor = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(header));
  std::array<const nlattr*, NDA_MAX + 1> attributes{};
  mnl_attr_parse(header, sizeof *neighbor, copy_attribute, &attributes);
  if (attributes[NDA_DST] == nullptr) return MNL_CB_OK;
  const auto address = address_of(attributes[NDA_DST], neighbor->ndm_family);
  if (!address) return MNL_CB_OK;

  NeighborWatch::Entry entry{static_cast<unsigned>(neighbor->ndm_ifindex), *address, std::nullopt,
                             header->nlmsg_type == RTM_DELNEIGH ? NeighborWatch::State::kGone
                                                                : state_of(neighbor->ndm_state)};
  const bool gone = header->nlmsg_type == RTM_DELNEIGH || (neighbor->ndm_state & NUD_FAILED) != 0;
  if (!gone) {
    // Incomplete: the kernel is asking; it will tell how that ended.
    if ((neighbor->ndm_state & kUsable) == 0 || attributes[NDA_LLADDR] == nullptr ||
        mnl_attr_get_payload_len(attributes[NDA_LLADDR]) != 6) {
      return MNL_CB_OK;
    }
    MacAddress::Bytes mac;
    std::memcpy(mac.data(), mnl_attr_get_payload(attributes[NDA_LLADDR]), mac.size());
    entry.mac = MacAddress{mac};
  }
  (*static_cast<const NeighborReader*>(data))(entry, header->nlmsg_seq);
  return MNL_CB_OK;
}

}  // namespace

NeighborDatagram read_neighbors(std::span<const char> datagram, const NeighborReader& reader) {
  const std::span<const char> sound = sound_messages(datagram);
  // Sequence and port are not checked: events and answers to a request come the same way.
  const int read = mnl_cb_run(sound.data(), sound.size(), 0, 0, read_neighbor,
                              const_cast<NeighborReader*>(&reader));
  if (read == MNL_CB_STOP) return NeighborDatagram::kEndsAnswer;
  // The table changed while the kernel walked it.
  if (read == MNL_CB_ERROR && errno == EINTR) return NeighborDatagram::kTableChanged;
  return NeighborDatagram::kGoesOn;
}

}  // namespace lastmile

// A datagram from the kernel to each of our readers: links, addresses, neighbors, TCP connections,
// and the verdict on a request. The kernel is to be trusted; its versions and modules differ.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "controlplane/io/neighbor_message.h"
#include "controlplane/io/tcp_segments.h"
#include "drivers/kernel/address.h"
#include "drivers/kernel/link.h"
#include "drivers/kernel/netlink.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

namespace {

// Of the request that datagrams answer.
constexpr std::uint32_t kSequence = 1;

// A datagram in a buffer that ends where the last message does, whose length is a multiple of four.
std::vector<char> datagram_of(const std::uint8_t* data, std::size_t size) {
  std::vector<char> datagram((size + 3) / 4 * 4);
  if (size != 0) std::memcpy(datagram.data(), data, size);
  return datagram;
}

void read_message(const nlmsghdr& message) {
  const LinkInfo link = parse_link(message);
  require(link.name.size() < message.nlmsg_len && link.alias.size() < message.nlmsg_len);
  require(link.kind.size() < message.nlmsg_len);
  require(!link.is_running() || link.is_admin_up());
  if (const auto placed = parse_interface_address(message)) {
    require(!to_string(placed->address).empty());
  }
  (void)parse_segments(message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> datagram = datagram_of(data, size);
  for_each_message(datagram, read_message);
  (void)read_neighbors(datagram, [](const NeighborWatch::Entry& entry, std::uint32_t) {
    require(to_string(entry.state)[0] != '\0');
    const bool gone =
        entry.state == NeighborWatch::State::kGone || entry.state == NeighborWatch::State::kFailed;
    require(gone != entry.mac.has_value());
  });
  NetlinkReplies replies{kSequence, read_message};
  if (const auto verdict = replies.read(datagram)) {
    require(verdict->code >= 0);
    require(verdict->code != 0 || verdict->explanation.empty());
  }
  return 0;
}

#include "controlplane/io/neighbor_watch.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "controlplane/io/neighbor_message.h"

namespace lastmile {

const char* to_string(NeighborWatch::State state) {
  switch (state) {
    case NeighborWatch::State::kReachable:
      return "reachable";
    case NeighborWatch::State::kStale:
      return "stale";
    case NeighborWatch::State::kProbing:
      return "probing";
    case NeighborWatch::State::kPermanent:
      return "permanent";
    case NeighborWatch::State::kFailed:
      return "failed";
    case NeighborWatch::State::kGone:
      return "gone";
  }
  return "unknown";
}

void NeighborWatch::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}
NeighborWatch::NeighborWatch(NeighborWatch&&) noexcept = default;
NeighborWatch& NeighborWatch::operator=(NeighborWatch&&) noexcept = default;
NeighborWatch::~NeighborWatch() = default;

tl::expected<NeighborWatch, std::string> NeighborWatch::open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket == nullptr || mnl_socket_bind(socket, 1U << (RTNLGRP_NEIGH - 1), 0) != 0) {
    const std::string reason = std::strerror(errno);
    if (socket != nullptr) mnl_socket_close(socket);
    return tl::unexpected(fmt::format("the kernel's neighbor table: {}", reason));
  }
  NeighborWatch watch{socket};
  watch.refresh();
  return watch;
}

int NeighborWatch::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

void NeighborWatch::receive(const Receiver& receiver) {
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  const NeighborReader reader = [&](const Entry& entry, std::uint32_t sequence) {
    take(entry, sequence, receiver);
  };
  constexpr int kMostAtOnce = 64;  // messages of up to 16 kB; the descriptor stays readable
  for (int i = 0; i < kMostAtOnce; ++i) {
    const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) return;
      refresh();  // the kernel dropped messages because we were slow
      continue;
    }
    switch (read_neighbors({buffer.data(), static_cast<std::size_t>(size)}, reader)) {
      case NeighborDatagram::kGoesOn:
        break;
      case NeighborDatagram::kEndsAnswer:
        answer_ended(receiver);
        break;
      case NeighborDatagram::kTableChanged:
        ask_again_ = true;  // the end of the answer comes all the same
        break;
    }
  }
}

void NeighborWatch::take(const Entry& entry, std::uint32_t sequence, const Receiver& receiver) {
  const bool answers = answer_ != Answer::kNone && sequence == table_sequence_;
  if (answers) answer_ = Answer::kUnderWay;
  const std::pair key{entry.ifindex, entry.address};
  if (entry.state == State::kGone) {
    known_.erase(key);
  } else {
    // While the answer is awaited, older messages confirm nothing: what came behind them may be
    // among those that were lost.
    const bool confirmed = answers || answer_ != Answer::kAwaited;
    known_[key] = confirmed ? table_sequence_ : table_sequence_ - 1;
  }
  receiver(entry);
}

void NeighborWatch::answer_ended(const Receiver& receiver) {
  answer_ = Answer::kNone;
  if (std::exchange(ask_again_, false)) return ask_for_table();
  std::vector<Entry> gone;
  for (const auto& [key, confirmed] : known_) {
    if (confirmed != table_sequence_) gone.push_back({key.first, key.second, {}, State::kGone});
  }
  for (const Entry& entry : gone) take(entry, 0, receiver);
}

void NeighborWatch::resolve(unsigned ifindex, const IpAddress& address) {
  std::array<char, 256> buffer{};
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_NEWNEIGH;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
  header->nlmsg_seq = ++sequence_;
  auto* neighbor = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ndmsg)));
  neighbor->ndm_ifindex = static_cast<int>(ifindex);
  neighbor->ndm_flags = NTF_USE;
  if (const auto* v4 = std::get_if<Ipv4Address>(&address)) {
    neighbor->ndm_family = AF_INET;
    const auto wire = v4->to_wire();
    mnl_attr_put(header, NDA_DST, wire.size(), wire.data());
  } else {
    const auto& v6 = std::get<Ipv6Address>(address);
    neighbor->ndm_family = AF_INET6;
    mnl_attr_put(header, NDA_DST, v6.bytes().size(), v6.bytes().data());
  }
  // Not acknowledged: if it fails (link down), whoever needs the address asks again.
  mnl_socket_sendto(socket_.get(), header, header->nlmsg_len);
}

void NeighborWatch::refresh() {
  // The kernel answers one such request of a socket at a time, and refuses others meanwhile.
  if (answer_ == Answer::kNone) {
    ask_for_table();
  } else {
    ask_again_ = true;
  }
}

void NeighborWatch::ask_for_table() {
  std::array<char, 64> buffer{};
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETNEIGH;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = ++sequence_;
  mnl_nlmsg_put_extra_header(header, sizeof(ndmsg));
  table_sequence_ = sequence_;
  if (mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) >= 0) answer_ = Answer::kAwaited;
}

}  // namespace lastmile

#include "controlplane/io/tcp_segments.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include "dataplane/net/headers.h"
#include "dataplane/net/netlink_datagram.h"

namespace lastmile {
namespace {

constexpr std::uint32_t kEstablished = 1U << 1;  // TCP_ESTABLISHED, whose header fights linux/tcp.h

struct Close {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

std::string failure(const char* what) {
  return std::string{what} + ": " + std::generic_category().message(errno);
}

IpAddress address_of(std::uint8_t family, const std::uint32_t (&words)[4]) {
  if (family == AF_INET) return Ipv4Address{ntohl(words[0])};
  Ipv6Address::Bytes bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  return Ipv6Address{bytes};
}

int copy_info(const nlattr* attribute, void* info) {
  if (mnl_attr_get_type(attribute) != INET_DIAG_INFO) return MNL_CB_OK;
  std::memcpy(info, mnl_attr_get_payload(attribute),
              std::min<std::size_t>(sizeof(tcp_info), mnl_attr_get_payload_len(attribute)));
  return MNL_CB_OK;
}

int on_message(const nlmsghdr* header, void* data) {
  if (const auto segments = parse_segments(*header)) {
    static_cast<std::vector<TcpSegments>*>(data)->push_back(*segments);
  }
  return MNL_CB_OK;
}

}  // namespace

std::optional<TcpSegments> parse_segments(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) return std::nullopt;
  const auto& socket = *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
  if (ntohs(socket.id.idiag_sport) != protocol::kBgpPort &&
      ntohs(socket.id.idiag_dport) != protocol::kBgpPort) {
    return std::nullopt;
  }
  tcp_info info{};
  mnl_attr_parse(&message, sizeof(inet_diag_msg), copy_info, &info);
  return TcpSegments{address_of(socket.idiag_family, socket.id.idiag_dst), socket.id.idiag_if,
                     info.tcpi_advmss, info.tcpi_snd_mss};
}

tl::expected<std::vector<TcpSegments>, std::string> bgp_segments() {
  const std::unique_ptr<mnl_socket, Close> socket{
      mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC)};
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return tl::unexpected(failure("sock_diag"));
  }
  std::vector<TcpSegments> found;
  unsigned sequence = 0;
  for (const int family : {AF_INET, AF_INET6}) {
    alignas(nlmsghdr) std::array<char, 512> request{};
    nlmsghdr* const header = mnl_nlmsg_put_header(request.data());
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++sequence;
    auto& wanted = *static_cast<inet_diag_req_v2*>(
        mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
    wanted.sdiag_family = static_cast<std::uint8_t>(family);
    wanted.sdiag_protocol = IPPROTO_TCP;
    wanted.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    wanted.idiag_states = kEstablished;
    if (mnl_socket_sendto(socket.get(), header, header->nlmsg_len) < 0) {
      return tl::unexpected(failure("sock_diag"));
    }
    alignas(nlmsghdr) std::array<char, 32768> buffer{};
    int more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
      const ssize_t got = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
      if (got < 0) return tl::unexpected(failure("sock_diag"));
      const auto sound = sound_messages({buffer.data(), static_cast<std::size_t>(got)});
      more = mnl_cb_run(sound.data(), sound.size(), sequence, mnl_socket_get_portid(socket.get()),
                        on_message, &found);
      if (more < 0) return tl::unexpected(failure("sock_diag"));
    }
  }
  return found;
}

}  // namespace lastmile

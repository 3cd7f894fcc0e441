#include "drivers/kernel/netlink.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace lastmile {
namespace {

using Visit = std::function<void(const nlattr&)>;

int call_visitor(const nlattr* attribute, void* context) {
  (*static_cast<const Visit*>(context))(*attribute);
  return MNL_CB_OK;
}

void* as_context(const Visit& visit) {
  return const_cast<Visit*>(&visit);
}

// The kernel's explanation (NLMSGERR_ATTR_MSG) stands behind the error code and, unless the reply
// is capped, behind a copy of the request.
std::string extended_ack(const nlmsghdr& message) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message));
  std::size_t offset = sizeof(nlmsgerr);
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) offset += error->msg.nlmsg_len - sizeof(nlmsghdr);
  std::string text;
  for_each_attribute(message, offset, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == NLMSGERR_ATTR_MSG) text = mnl_attr_get_str(&attribute);
  });
  return text;
}

// The end of a dump carries an error code, 0 if the kernel could list everything.
int dump_result(const nlmsghdr& done) {
  if (mnl_nlmsg_get_payload_len(&done) < sizeof(int)) return 0;
  int code = 0;
  std::memcpy(&code, mnl_nlmsg_get_payload(&done), sizeof code);
  return code < 0 ? -code : 0;
}

}  // namespace

Result<void> ask_until_settled(const std::function<Result<void>()>& ask) {
  constexpr int kAttempts = 10;
  Result<void> done = ask();
  for (int i = 1; i < kAttempts && !done && done.error().code == EINTR; ++i) done = ask();
  return done;
}

void for_each_attribute(const nlmsghdr& message, std::size_t header_size,
                        const std::function<void(const nlattr&)>& visit) {
  mnl_attr_parse(&message, static_cast<unsigned>(header_size), call_visitor, as_context(visit));
}

void for_each_nested(const nlattr& nest, const std::function<void(const nlattr&)>& visit) {
  mnl_attr_parse_nested(&nest, call_visitor, as_context(visit));
}

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags)
    : raw_(mnl_nlmsg_put_header(buffer_.data())) {
  raw_->nlmsg_type = type;
  raw_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

Result<Netlink> Netlink::open(unsigned groups) {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) {
    return failure(fmt::format("cannot open a netlink socket: {}", std::strerror(errno)), errno);
  }
  Netlink netlink(socket);
  if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
    return failure(fmt::format("cannot bind a netlink socket: {}", std::strerror(errno)), errno);
  }
  // Explanations are a courtesy of newer kernels; without them the error code has to do.
  const int on = 1;
  mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, const_cast<int*>(&on), sizeof on);
  mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, const_cast<int*>(&on), sizeof on);
  return netlink;
}

Result<void> Netlink::request(NetlinkMessage& message, std::string_view what) {
  message.raw()->nlmsg_flags |= NLM_F_ACK;
  return query(message, what, [](const nlmsghdr&) {});
}

Result<void> Netlink::query(NetlinkMessage& message, std::string_view what, const Visitor& visit) {
  const auto refuse = [&](int code, const std::string& explanation) -> Result<void> {
    return failure(fmt::format("cannot {}: {}{}", what, std::strerror(code),
                               explanation.empty() ? "" : " (" + explanation + ")"),
                   code);
  };
  nlmsghdr* raw = message.raw();
  raw->nlmsg_seq = ++sequence_;
  // Only a dump ends by itself; a plain get needs the acknowledgement as its end mark.
  if ((raw->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) raw->nlmsg_flags |= NLM_F_ACK;
  if (mnl_socket_sendto(socket_.get(), raw, raw->nlmsg_len) < 0) return refuse(errno, {});

  bool changed_meanwhile = false;
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (received < 0) {
      if (errno == EINTR) continue;
      return refuse(errno, {});
    }
    int remaining = static_cast<int>(received);
    const auto* reply = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(reply, remaining); reply = mnl_nlmsg_next(reply, &remaining)) {
      if (reply->nlmsg_seq != sequence_) continue;  // an answer that an earlier failure left behind
      changed_meanwhile |= (reply->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (reply->nlmsg_type == NLMSG_DONE) {
        const int code = dump_result(*reply);
        if (code != 0) return refuse(code, {});
        return changed_meanwhile ? refuse(EINTR, "it changed meanwhile") : Result<void>{};
      }
      if (reply->nlmsg_type != NLMSG_ERROR) {
        visit(*reply);
        continue;
      }
      const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(reply));
      if (error->error == 0) return {};
      return refuse(-error->error, extended_ack(*reply));
    }
  }
}

}  // namespace lastmile

#include "drivers/kernel/netlink.h"

#include <fmt/format.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "dataplane/net/netlink_datagram.h"

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

// Errors are negative on the wire, and no longer than this; what is neither is none of the
// kernel's.
constexpr int kLastErrno = 4095;
int errno_of(int code) {
  return code <= 0 && code >= -kLastErrno ? -code : EPROTO;
}

// The kernel's explanation (NLMSGERR_ATTR_MSG) stands behind the error code and, unless the reply
// is capped, behind a copy of the request.
std::string extended_ack(const nlmsghdr& message, const nlmsgerr& error) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t offset = sizeof(nlmsgerr);
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) {
    if (error.msg.nlmsg_len < sizeof(nlmsghdr)) return {};
    offset += error.msg.nlmsg_len - sizeof(nlmsghdr);
  }
  if (offset > mnl_nlmsg_get_payload_len(&message)) return {};
  std::string text;
  for_each_attribute(message, offset, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == NLMSGERR_ATTR_MSG) text = text_of(attribute);
  });
  return text;
}

// The end of a dump carries an error code, 0 if the kernel could list everything.
int dump_result(const nlmsghdr& done) {
  if (mnl_nlmsg_get_payload_len(&done) < sizeof(int)) return 0;
  int code = 0;
  std::memcpy(&code, mnl_nlmsg_get_payload(&done), sizeof code);
  return errno_of(code);
}

}  // namespace

Result<void> ask_until_settled(const std::function<Result<void>()>& ask) {
  constexpr int kAttempts = 10;
  Result<void> done = ask();
  for (int i = 1; i < kAttempts && !done && done.error().code == EINTR; ++i) done = ask();
  return done;
}

void for_each_message(std::span<const char> datagram, const Netlink::Visitor& visit) {
  const std::span<const char> sound = sound_messages(datagram);
  int remaining = static_cast<int>(sound.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(sound.data());
  for (; mnl_nlmsg_ok(message, remaining); message = mnl_nlmsg_next(message, &remaining)) {
    visit(*message);
  }
}

std::string text_of(const nlattr& attribute) {
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(&attribute));
  return {text, ::strnlen(text, mnl_attr_get_payload_len(&attribute))};
}

std::uint32_t number_of(const nlattr& attribute) {
  std::uint32_t number = 0;
  if (mnl_attr_get_payload_len(&attribute) < sizeof number) return 0;
  std::memcpy(&number, mnl_attr_get_payload(&attribute), sizeof number);
  return number;
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

  NetlinkReplies replies{sequence_, visit};
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (received < 0) {
      if (errno == EINTR) continue;
      return refuse(errno, {});
    }
    const auto verdict = replies.read({buffer.data(), static_cast<std::size_t>(received)});
    if (!verdict) continue;
    if (verdict->code == 0) return {};
    return refuse(verdict->code, verdict->explanation);
  }
}

std::optional<NetlinkReplies::Verdict> NetlinkReplies::read(std::span<const char> datagram) {
  std::optional<Verdict> verdict;
  for_each_message(datagram, [&](const nlmsghdr& reply) {
    if (verdict || reply.nlmsg_seq != sequence_) return;
    changed_meanwhile_ |= (reply.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (reply.nlmsg_type == NLMSG_DONE) {
      const int code = dump_result(reply);
      verdict = code == 0 && changed_meanwhile_ ? Verdict{EINTR, "it changed meanwhile"}
                                                : Verdict{code, {}};
    } else if (reply.nlmsg_type != NLMSG_ERROR) {
      visit_(reply);
    } else if (const auto* error = family_header<nlmsgerr>(reply); error == nullptr) {
      verdict = Verdict{EPROTO, {}};
    } else {
      verdict = Verdict{errno_of(error->error), {}};
      if (verdict->code != 0) verdict->explanation = extended_ack(reply, *error);
    }
  });
  return verdict;
}

}  // namespace lastmile

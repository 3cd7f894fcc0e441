#include "drivers/ports/link_watcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "drivers/kernel/link.h"

namespace lastmile {
namespace {

bool is_of_a_link(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return false;
  // Bridges announce their ports' deletion from the bridge as messages of their own family.
  const auto* info = family_header<ifinfomsg>(message);
  return info != nullptr && info->ifi_family == AF_UNSPEC;
}

LinkEvent event_from(const nlmsghdr& message) {
  const LinkInfo link = parse_link(message);
  const bool deleted = message.nlmsg_type == RTM_DELLINK;
  return {link.index, link.name, !deleted && link.is_running() ? Link::kUp : Link::kDown, deleted};
}

}  // namespace

Result<LinkWatcher> LinkWatcher::open() {
  auto events = Netlink::open(RTMGRP_LINK);
  if (!events) return tl::unexpected(events.error());
  auto requests = Netlink::open();
  if (!requests) return tl::unexpected(requests.error());
  ::fcntl(events->fd(), F_SETFL, O_NONBLOCK);
  return LinkWatcher(std::move(*events), std::move(*requests));
}

Result<void> LinkWatcher::read(const Callback& callback) {
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  bool overrun = false;
  while (true) {
    const ssize_t received = ::recv(events_.fd(), buffer.data(), buffer.size(), 0);
    if (received < 0) {
      // What still was in the queue of an overrun socket is older than the kernel's answer, so ask
      // behind it.
      if (errno == EAGAIN) return overrun ? refresh(callback) : Result<void>{};
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) {
        return failure(fmt::format("cannot read link events: {}", std::strerror(errno)), errno);
      }
      overrun = true;
      continue;
    }
    for_each_message({buffer.data(), static_cast<std::size_t>(received)},
                     [&](const nlmsghdr& message) {
                       if (!is_of_a_link(message)) return;
                       const LinkEvent event = event_from(message);
                       if (event.deleted) {
                         known_.erase(event.index);
                       } else {
                         known_.insert_or_assign(event.index, event.name);
                       }
                       callback(event);
                     });
  }
}

Result<void> LinkWatcher::refresh(const Callback& callback) {
  std::map<unsigned, std::string> there;
  auto asked = ask_until_settled([&] {
    there.clear();
    NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP);
    message.header<ifinfomsg>();
    return requests_.query(message, "list network interfaces", [&](const nlmsghdr& reply) {
      const LinkEvent event = event_from(reply);
      there.insert_or_assign(event.index, event.name);
      callback(event);
    });
  });
  if (!asked) return asked;
  std::swap(there, known_);
  for (const auto& [index, name] : there) {
    if (!known_.contains(index)) callback({index, name, Link::kDown, true});
  }
  return {};
}

}  // namespace lastmile

#include "daemon/port_exchange.h"

#include <fmt/format.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "dataplane/net/format.h"
#include "drivers/kernel/link.h"
#include "logging/log.h"

namespace lastmile {
namespace {

/// An interface that could not be used is tried again then: whoever made it may not be done with
/// it.
constexpr std::chrono::seconds kRetry{1};
/// A worker's loop takes less, as does its longest sleep.
constexpr std::chrono::microseconds kGraceStep{100};

/// Why a device can't take the place of one that workers know as `before`; empty: it can.
std::string difference(const DeviceFacts& before, const DeviceFacts& now) {
  if (now.rx_queues != before.rx_queues || now.tx_queues != before.tx_queues ||
      now.priority_queue != before.priority_queue) {
    return fmt::format("it has {} receive and {} transmit queues, and the one before had {} and {}",
                       now.rx_queues, now.tx_queues, before.rx_queues, before.tx_queues);
  }
  if (now.mac != before.mac) return fmt::format("it keeps its MAC address {}", now.mac);
  return {};
}

/// A router that runs does without the port rather than end, and tries again. What can't take the
/// place of the one before is closed again, here on the thread that has opened it.
Result<DeviceParts> reopened(const DeviceOrder& order, const DeviceFacts& before,
                             PacketPools& pools) {
  try {
    auto opened = open_parts(order, pools);
    if (!opened) return opened;
    const std::string reason = difference(before, opened->port->facts());
    return reason.empty() ? std::move(opened) : failure(reason);
  } catch (const std::bad_alloc&) {
    return failure("not enough memory", ENOMEM);
  }
}

}  // namespace

Result<std::unique_ptr<PortExchange>> PortExchange::start(const Parts& parts) {
  const auto home = parts.devices.at_home();
  if (!home) return tl::unexpected(home.error());
  auto netlink = Netlink::open();
  if (!netlink) return tl::unexpected(netlink.error());
  FileDescriptor retry{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  if (!retry) {
    const int code = errno;
    return failure(fmt::format("no timer for ports that return: {}", std::strerror(code)), code);
  }
  return std::unique_ptr<PortExchange>{
      new PortExchange{parts, std::move(*netlink), std::move(retry)}};
}

PortExchange::PortExchange(const Parts& parts, Netlink netlink, FileDescriptor retry)
    : parts_(parts), netlink_(std::move(netlink)), retry_(std::move(retry)), returning_(*this) {
  for (const OpenPort& port : parts_.devices.ports()) {
    if (!port.owns_device() || !port.device->is_exchangeable()) continue;
    returning_.watch(port.id, *port.facts().kernel);
  }
  parts_.links.observe([this](const LinkEvent& event) { returning_.on_link(event); });
  parts_.loop.watch(retry_.get(), [this] {
    std::uint64_t expirations = 0;
    if (::read(retry_.get(), &expirations, sizeof expirations) <= 0) return;
    returning_.try_again();
    look_again();
  });
}

PortExchange::~PortExchange() {
  parts_.links.observe({});
  parts_.loop.unwatch(retry_.get());
  if (HomeThread* const home = parts_.devices.home_thread()) home->end();
}

bool PortExchange::is_there(unsigned index) {
  const auto there = has_link(netlink_, index);
  // Not known: then rather what was true before.
  return !there || *there;
}

void PortExchange::exchange(PortId owner) {
  OpenDevice& device = *parts_.devices.ports()[owner.value()].device;
  const RcuToken taken = parts_.forwarding.take_out(owner);
  // Errands are functions, which can be copied; what they carry can't.
  auto old = std::make_shared<std::optional<DeviceParts>>(device.take_out());
  parts_.devices.home_thread()->post(
      [this, owner, taken, old, order = device.order, before = device.facts] {
        while (!parts_.forwarding.has_let_go(taken)) std::this_thread::sleep_for(kGraceStep);
        old->reset();
        auto opened =
            std::make_shared<Result<DeviceParts>>(reopened(order, before, parts_.devices.pools()));
        parts_.loop.post([this, owner, opened] { finish(owner, std::move(*opened)); });
      });
}

void PortExchange::finish(PortId owner, Result<DeviceParts> opened) {
  if (!opened) {
    returning_.refused(owner, opened.error().message);
    return look_again_soon();
  }
  OpenDevice& device = *parts_.devices.ports()[owner.value()].device;
  device.put_in(std::move(*opened));
  parts_.forwarding.put_in(owner, DeviceId{device.facts.ethdev});
  returning_.opened(owner, device.facts.kernel->index);
  look_again();
}

void PortExchange::gone(PortId owner, const std::string& interface) {
  tell(owner,
       fmt::format("interface '{}' is gone; the port waits until there is one again", interface));
  // One of that name may be there already, and nothing more happen to it.
  look_again_soon();
}

void PortExchange::back(PortId owner, const std::string& interface) {
  tell(owner, fmt::format("interface '{}' is there again, and the port uses it", interface));
}

void PortExchange::cannot_use(PortId owner, const std::string& interface,
                              const std::string& reason) {
  tell(owner, fmt::format("interface '{}' is there again, and the port can't use it: {}", interface,
                          reason));
}

void PortExchange::tell(PortId owner, std::string text) {
  const std::string& name = parts_.devices.ports()[owner.value()].name;
  log::warn("port {}: {}", name, text);
  parts_.journal.record(parts_.loop.now(), JournalKind::kLink, name, std::move(text));
}

/// The port's link, too, is what it is now, under a number that nobody has listened for before.
void PortExchange::look_again() {
  if (auto seen = parts_.links.refresh(); !seen) log::error("{}", seen.error().message);
}

void PortExchange::look_again_soon() {
  const itimerspec once{{0, 0}, {kRetry.count(), 0}};
  ::timerfd_settime(retry_.get(), 0, &once, nullptr);
}

}  // namespace lastmile

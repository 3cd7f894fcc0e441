#include "daemon/link_monitor.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "logging/log.h"
#include "logging/told.h"

namespace lastmile {
namespace {

// A driver that is asked answers from memory, so asking often costs next to nothing. Those that
// raise an interrupt are asked as well: one that got lost must not cost more than this.
constexpr long kPollNanoseconds = 10'000'000;

bool knows_itself(const OpenPort& port) {
  return port.facts().link_source == LinkSource::kDriver;
}

}  // namespace

LinkMonitor::LinkMonitor(EventLoop& loop, Devices& devices, LinkWatcher watcher,
                         LinkInterrupts interrupts, int timer)
    : loop_(loop),
      devices_(devices),
      watcher_(std::move(watcher)),
      interrupts_(std::move(interrupts)),
      timer_(timer) {
  loop_.watch(watcher_.fd(), [this] {
    const auto read = watcher_.read([this](const LinkEvent& event) { on_kernel_link(event); });
    if (!read) log::error("link state: {}", read.error().message);
  });
  watch_interrupts();
  if (timer_ < 0) return;
  loop_.watch(timer_, [this] {
    std::uint64_t expirations = 0;
    if (::read(timer_, &expirations, sizeof expirations) > 0) poll_drivers();
  });
}

void LinkMonitor::watch_interrupts() {
  loop_.watch(interrupts_.fd(), [this] {
    interrupts_.acknowledge();
    poll_drivers();
  });
  for (const OpenPort& port : devices_.ports()) {
    LinkWatch& how = watches_[port.id];
    how = knows_itself(port) ? LinkWatch::kPoll : LinkWatch::kNetlink;
    if (!port.facts().link_interrupt) continue;
    if (!port.owns_device()) {
      how = LinkWatch::kInterrupt;
    } else if (auto watched = interrupts_.watch(port.facts()); watched) {
      how = LinkWatch::kInterrupt;
    } else {
      log::warn("{}", watched.error().message);
    }
  }
}

LinkMonitor::~LinkMonitor() {
  loop_.unwatch(watcher_.fd());
  loop_.unwatch(interrupts_.fd());
  if (timer_ < 0) return;
  loop_.unwatch(timer_);
  close(timer_);
}

Result<std::unique_ptr<LinkMonitor>> LinkMonitor::start(EventLoop& loop, Devices& devices) {
  // The interfaces under ports are there.
  const auto home = devices.at_home();
  if (!home) return tl::unexpected(home.error());
  auto watcher = LinkWatcher::open();
  if (!watcher) return tl::unexpected(watcher.error());
  auto interrupts = LinkInterrupts::open();
  if (!interrupts) return tl::unexpected(interrupts.error());
  int timer = -1;
  if (std::ranges::any_of(devices.ports(), knows_itself)) {
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const itimerspec period{{0, kPollNanoseconds}, {0, kPollNanoseconds}};
    if (timer < 0 || timerfd_settime(timer, 0, &period, nullptr) != 0) {
      const int code = errno;
      if (timer >= 0) close(timer);
      return failure(std::string{"link state: no timer: "} + std::strerror(code), code);
    }
  }
  return std::unique_ptr<LinkMonitor>{
      new LinkMonitor{loop, devices, std::move(*watcher), std::move(*interrupts), timer}};
}

Result<void> LinkMonitor::refresh() {
  poll_drivers();
  return watcher_.refresh([this](const LinkEvent& event) { on_kernel_link(event); });
}

Link LinkMonitor::link(PortId port) const {
  const auto found = links_.find(port);
  return found == links_.end() ? Link::kDown : found->second;
}

LinkWatch LinkMonitor::watch(PortId port) const {
  return watches_.at(port);
}

void LinkMonitor::on_kernel_link(const LinkEvent& event) {
  const auto is_over = [&](const OpenPort& port) {
    const auto& kernel = port.facts().kernel;
    return !knows_itself(port) && kernel && kernel->index == event.index;
  };
  for (OpenPort& port : devices_.ports()) {
    if (!is_over(port)) continue;
    changed(port, event.link);
    if (event.deleted && port.owns_device() && !port.device->is_exchangeable()) {
      log::error("port {}: interface '{}' is gone; restart lastmiled when there is one again",
                 port.name, port.facts().kernel->name);
    }
  }
  if (event.deleted) {
    // The next interface of that number is not the port's, not before the port has it open.
    for (OpenPort& port : devices_.ports()) {
      if (is_over(port)) port.device->facts.kernel->index = 0;
    }
  }
  if (observer_) observer_(event);
}

void LinkMonitor::poll_drivers() {
  for (OpenPort& port : devices_.ports()) {
    if (knows_itself(port)) changed(port, port.device->parts->port->link());
  }
}

void LinkMonitor::changed(OpenPort& port, Link link) {
  const auto [known, first] = links_.try_emplace(port.id, link);
  if (!first && known->second == link) return;
  known->second = link;
  const std::string& name = port.name;
  log::told("port {}: link {}", name, link == Link::kUp ? "up" : "down");
  const auto tell = [&] {
    loop_.deliver(LinkChanged{port.id, link == Link::kUp ? LinkState::kUp : LinkState::kDown});
  };
  // Down: packets are being lost, so the control plane first. Up: it will send at once, so the twin
  // must have its carrier.
  if (link == Link::kDown) tell();
  if (auto done = port.twin->set_link(link); !done) {
    log::warn("port {}: {}", name, done.error().message);
  }
  if (link == Link::kUp) tell();
}

}  // namespace lastmile

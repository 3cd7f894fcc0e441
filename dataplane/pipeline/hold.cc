#include "dataplane/pipeline/hold.h"

#include <algorithm>

namespace lastmile {
namespace {

template <class Duration>
std::uint64_t to_cycles(Duration duration, std::uint64_t cycles_per_second) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return cycles_per_second / 1'000'000 * static_cast<std::uint64_t>(microseconds);
}

}  // namespace

HoldQueue::HoldQueue(std::uint64_t cycles_per_second, WorkerCounters& counters, EventRing& events,
                     Exits& exits, IcmpErrors& errors)
    : counters_(counters),
      events_(events),
      exits_(exits),
      errors_(errors),
      hold_cycles_(to_cycles(kHoldTime, cycles_per_second)),
      request_interval_(to_cycles(kResolutionRequestInterval, cycles_per_second)),
      unheld_request_interval_(to_cycles(kUnheldRequestInterval, cycles_per_second)),
      check_interval_(to_cycles(kHoldCheckInterval, cycles_per_second)) {}

HoldQueue::~HoldQueue() {
  for (const WaitList* list : {&neighbors_, &subnets_}) {
    for (unsigned i = 0; i < list->count; ++i) {
      const Wait& wait = list->waits[i];
      for (unsigned p = 0; p < wait.count; ++p) rte_pktmbuf_free(wait.packets[p].packet);
    }
  }
}

HoldQueue::Wait HoldQueue::WaitList::take(unsigned index) {
  const Wait taken = waits[index];
  waits[index] = waits[--count];
  return taken;
}

void HoldQueue::hold(const HoldKey& key, const HeldPacket& held, std::uint64_t now) {
  WaitList& list = key.kind == NextHopKind::kGlean ? subnets_ : neighbors_;
  Wait* const end = list.waits.data() + list.count;
  Wait* wait =
      std::find_if(list.waits.data(), end, [&](const Wait& w) { return w.key.same_wait(key); });
  if (wait == end) {
    if (list.count == kWaits) {
      if (now >= list.next_unheld_request) {
        list.next_unheld_request = now + unheld_request_interval_;
        request(key);
      }
      return exits_.drop(held.packet, DropReason::kHoldFull);
    }
    ++list.count;
    wait->key = key;
    wait->deadline = now + hold_cycles_;
    wait->next_request = now;
    wait->count = 0;
  }
  if (wait->count == kPacketsPerWait) {
    // The latest packets are worth the most: what a sender has repeated is among them.
    exits_.drop(wait->packets[0].packet, DropReason::kHoldFull);
    std::copy(wait->packets.begin() + 1, wait->packets.end(), wait->packets.begin());
    --wait->count;
  }
  wait->packets[wait->count++] = held;
  counters_.held_packets.add(1);
  if (now < wait->next_request) return;
  wait->next_request = now + request_interval_;
  request(key);
}

void HoldQueue::request(const HoldKey& key) {
  const bool told = events_.push(ResolutionRequest{
      .port = key.port, .next_hop = key.next_hop, .destination = key.destination});
  (told ? counters_.resolution_requests : counters_.lost_events).add(1);
}

void HoldQueue::expire(const Wait& wait, std::uint64_t now) {
  for (unsigned p = 0; p < wait.count; ++p) {
    const HeldPacket& held = wait.packets[p];
    if (ipv4::version(held.header) == 4) {
      errors_.refuse<Ipv4Family>(*held.ingress, held.packet, held.header, DropReason::kHoldExpired,
                                 now);
    } else {
      errors_.refuse<Ipv6Family>(*held.ingress, held.packet, held.header, DropReason::kHoldExpired,
                                 now);
    }
  }
}

}  // namespace lastmile

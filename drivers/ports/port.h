// A port: one DPDK device of the configuration, opened, started, and closed when it goes.
//
//   auto port = Port::open({.name = "up1", .device = "net_af_packet0,iface=up1"}, pools);
//   if (!port) die(port.error().message);  // "port up1: no network interface named 'up1'"
//   port->start();
//   rte_eth_rx_burst(port->facts().ethdev, 0, ...);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/net/mac.h"
#include "dataplane/worker/port.h"
#include "drivers/driver_error.h"
#include "drivers/eal/eal.h"
#include "drivers/ports/device_string.h"
#include "drivers/ports/packet_pools.h"

namespace lastmile {

/// Whether a port is to have a receive queue of its own for what must not wait (BFD, BGP, ND).
enum class PriorityQueue : std::uint8_t {
  kNone,
  kIfSteerable,  ///< where there is a Steering
};

/// What puts packets into a priority queue.
enum class Steering : std::uint8_t {
  kFlowRules,     ///< the NIC, by rules that drivers/offload puts in
  kKernelFilter,  ///< the kernel, in front of an af_packet port (af_packet_steering.h)
};

/// Whether packets to be sent may lie in several buffers. Buffers hold a whole frame; but the far
/// end of a vhost-user or memif port decides how long its packets are. Drivers of NICs have faster
/// ways to send where they need not look.
enum class Chains : std::uint8_t { kNever, kPossible };

struct PortOptions {
  std::string name;    ///< of the configuration; stands in every error
  std::string device;  ///< DPDK device string or PCI address
  std::uint16_t mtu = 1500;
  std::uint16_t rx_queues = 1;  ///< wanted; DeviceFacts has what the device gives
  std::uint16_t tx_queues = 1;
  std::uint16_t rx_ring = 1024;  ///< descriptors, where the device has any
  std::uint16_t tx_ring = 1024;
  PriorityQueue priority_queue = PriorityQueue::kNone;
  Chains chains = Chains::kPossible;
  /// Buffers of this port that others may hold: worker vectors, packets that wait for resolution.
  std::uint32_t spare_buffers = 4096;
  /// Buffers of a device that this one replaces, of the same options (Port::pool()); nullptr: it
  /// gets some of its own.
  rte_mempool* pool = nullptr;
};

/// How to learn whether the link is up.
enum class LinkSource : std::uint8_t {
  kDriver,           ///< ask the port: Port::link()
  kKernelInterface,  ///< the driver doesn't know; watch the kernel interface (LinkWatcher)
};

enum class Link : std::uint8_t { kDown, kUp };

/// A kernel interface under (or behind) a port.
struct KernelInterface {
  unsigned index = 0;
  std::string name;
};

/// What an open port is. Immutable once workers use it.
struct DeviceFacts {
  std::string name;
  std::uint16_t ethdev = 0;  ///< DPDK's number for it
  std::string driver;        ///< "net_af_packet", "net_ice"
  MacAddress mac;
  std::uint16_t mtu = 0;
  std::uint16_t rx_queues = 0;
  std::uint16_t tx_queues = 0;
  /// A receive queue behind the ordinary ones, not counted in rx_queues; nothing arrives there but
  /// by flow rules (or a share of everything, where a device knows no better).
  std::optional<std::uint16_t> priority_queue;
  Steering steering = Steering::kFlowRules;
  std::string why_no_priority_queue;  ///< if there is none
  /// A receive queue whose packets the device sends again by itself. No worker polls it.
  std::optional<std::uint16_t> hairpin_queue;
  std::string why_no_hairpin_queue;  ///< if there is none
  int socket = 0;                    ///< NUMA node
  LinkSource link_source = LinkSource::kDriver;
  OuterTag outer_tag = OuterTag::kTold;
  /// The driver raises an event on a change of link (LinkSource::kDriver only).
  bool link_interrupt = false;
  /// Set if the device is a kernel interface that keeps feeding the kernel's own stack (af_packet,
  /// af_xdp): guard it (exception/interface_guard.h).
  std::optional<KernelInterface> kernel;
};

/// What the device itself counts; a driver that does not know a number leaves it 0.
struct PortStatistics {
  std::uint64_t missed = 0;           ///< received, but no descriptor or buffer was free
  std::uint64_t receive_errors = 0;   ///< frames with an error
  std::uint64_t transmit_errors = 0;  ///< frames that could not be sent

  PortStatistics& operator+=(const PortStatistics& more) {
    missed += more.missed;
    receive_errors += more.receive_errors;
    transmit_errors += more.transmit_errors;
    return *this;
  }
};

/// Owns a device from probe to removal. All calls: control thread, except link(). While the router
/// runs another thread opens and closes devices (daemon/home_thread.h), and then no one else does.
class Port {
 public:
  /// Takes the device that EAL has probed (PCI), or probes it; and configures it. The port is
  /// stopped. `pools` must outlive the port.
  [[nodiscard]] static Result<Port> open(const PortOptions& options, PacketPools& pools);

  Port(Port&& other) noexcept = default;
  Port& operator=(Port&& other) noexcept = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port() = default;

  [[nodiscard]] const DeviceFacts& facts() const { return device_->facts; }
  /// Its buffers, which outlive it.
  [[nodiscard]] rte_mempool* pool() const { return device_->pool; }

  [[nodiscard]] Result<void> start();
  /// No worker may poll the port any more.
  void stop();

  /// Does without the priority queue from now on, because of `reason`. No worker polls the port; it
  /// is started again if it was.
  [[nodiscard]] Result<void> give_up_priority_queue(const std::string& reason);

  /// The driver's own word on the link, without waiting. Meaningless for kKernelInterface.
  [[nodiscard]] Link link() const;
  /// The device's own counters since start. Control thread.
  [[nodiscard]] PortStatistics statistics() const;

  /// The buffers that a port with these options has, for what stands in place of one.
  [[nodiscard]] static Result<rte_mempool*> make_pool(const PortOptions& options,
                                                      PacketPools& pools);

  /// Bytes of DPDK memory that a port with these options needs, for EalOptions.
  [[nodiscard]] static std::size_t memory_bytes(const PortOptions& options, MemoryPages pages);

 private:
  struct Device {
    ~Device();
    DeviceFacts facts;
    std::string dpdk_name;
    rte_mempool* pool = nullptr;
    std::uint16_t rx_ring = 0;  // as wanted
    std::uint16_t tx_ring = 0;
    Chains chains = Chains::kPossible;
    bool probed = false;
    bool started = false;
  };
  [[nodiscard]] static Result<void> choose_special_queues(const PortOptions& options,
                                                          Device& device);
  [[nodiscard]] static Result<void> set_up_queues(Device& device);
  void discard_received();
  explicit Port(std::unique_ptr<Device> device) : device_(std::move(device)) {}

  std::unique_ptr<Device> device_;
};

}  // namespace lastmile

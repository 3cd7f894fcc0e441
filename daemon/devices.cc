#include "daemon/devices.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <utility>

#include "dataplane/net/format.h"
#include "drivers/kernel/link.h"
#include "logging/log.h"

namespace lastmile {
namespace {

/// The driver copies what it sends, and gives the buffers back at once.
bool copies(const PortConfig& port) {
  const auto device = DeviceString::parse(port.device);
  return device && device->is("net_af_packet");
}

/// How many buffers stay in the transmit rings of NICs, for each worker: drivers give back what
/// they have sent when a ring gets full, so that a ring without traffic keeps what it had last.
/// `but`: without that port's.
std::uint32_t kept_in_rings(const Config& config, std::optional<PortId> but = std::nullopt) {
  std::uint32_t kept = 0;
  for (const PortConfig& port : config.ports) {
    if (port.device_port == port.id && port.id != but && !copies(port)) {
      kept += PortOptions{}.tx_ring;
    }
  }
  return kept;
}

/// Buffers of a port, or of the host interface (nullopt), that others hold at most: so many more
/// than its own rings need it has, and no flood, wherever it goes, leaves the port without one for
/// BFD and BGP to come in by.
std::uint32_t held_by_others(const Config& config, std::optional<PortId> port) {
  // What a worker keeps back: packets that wait for a neighbor, errors, a vector on its way.
  constexpr std::uint32_t kByWorker = 2048;
  const std::uint32_t held = config.dataplane.workers * (kByWorker + kept_in_rings(config, port));
  return std::max(held, PortOptions{}.spare_buffers);
}

/// Packets of these devices may be longer than one buffer: the far end decides. They leave by any
/// port.
Chains chains(const Config& config) {
  const auto decides = [](const PortConfig& port) {
    const auto device = DeviceString::parse(port.device);
    return device && !device->is_pci() && !device->is("net_af_packet");
  };
  return std::ranges::any_of(config.ports, decides) ? Chains::kPossible : Chains::kNever;
}

PortOptions device_options(const std::string& device, std::uint16_t mtu,
                           const DataplaneConfig& dataplane) {
  PortOptions options;
  options.device = device;
  options.mtu = mtu;
  options.rx_queues = static_cast<std::uint16_t>(dataplane.workers);
  options.tx_queues = static_cast<std::uint16_t>(dataplane.workers);
  return options;
}

/// Of the device that `owner` and the ports on top of it share.
PortOptions port_options(const PortConfig& owner, const Config& config) {
  // Their packets fit; more than one VLAN tag comes on top.
  std::size_t mtu = owner.mtu;
  for (const PortConfig& port : config.ports) {
    if (port.device_port == owner.id)
      mtu = std::max(mtu, port.mtu + std::size_t{port.tags().beyond_mtu()});
  }
  PortOptions options =
      device_options(owner.device, static_cast<std::uint16_t>(mtu), config.dataplane);
  options.name = owner.name;
  options.spare_buffers = held_by_others(config, owner.id);
  options.chains = chains(config);
  // What a NIC is told to look for stands in frames without tags.
  if (config.dataplane.offload == OffloadMode::kAuto && owner.vlan.empty()) {
    options.priority_queue = PriorityQueue::kIfSteerable;
  }
  return options;
}

/// The DPDK side of a kernel pair (drivers/exception/kernel_pair.h), which is what twins and the
/// host interface are made of.
std::size_t kernel_pair_memory(std::uint16_t mtu, const DataplaneConfig& dataplane,
                               MemoryPages pages,
                               std::uint32_t spare_buffers = PortOptions{}.spare_buffers) {
  PortOptions options = device_options("net_af_packet0", mtu, dataplane);
  options.spare_buffers = spare_buffers;
  return Port::memory_bytes(options, pages);
}

/// Packets of BFD's own of each worker: enough for every session to send while rings of drivers
/// still hold what it sent before.
std::uint32_t bfd_buffers(const Config& config) {
  constexpr std::uint32_t kOnTheWay = 2048;
  return std::bit_ceil(kOnTheWay + kept_in_rings(config)) - 1;
}

/// What DPDK's memory has to hold: the pools of each port, of its twin and of the host interface,
/// half as much again for what allocation wastes, and DPDK's own.
std::size_t memory_wanted(const Config& config, MemoryPages pages) {
  constexpr std::size_t kForDpdkItself = std::size_t{64} << 20;
  constexpr std::size_t kBfdBuffer = 1024;  // with all that DPDK adds to one
  std::size_t pools = kernel_pair_memory(config.host.mtu, config.dataplane, pages,
                                         held_by_others(config, std::nullopt));
  pools += std::size_t{config.dataplane.workers} * bfd_buffers(config) * kBfdBuffer;
  for (const PortConfig& port : config.ports) {
    if (port.device_port == port.id) {
      pools += Port::memory_bytes(port_options(port, config), pages);
    }
    pools += kernel_pair_memory(port.mtu, config.dataplane, pages);
  }
  return kForDpdkItself + pools + pools / 2;
}

std::vector<std::string> pci_devices(const Config& config) {
  std::vector<std::string> devices;
  for (const PortConfig& port : config.ports) {
    const auto device = DeviceString::parse(port.device);
    if (device && device->is_pci()) devices.push_back(device->text());
  }
  return devices;
}

/// The kernel interface under a device that only borrows it; nullopt for all others.
std::optional<std::string> borrowed_interface(const std::string& text) {
  const auto device = DeviceString::parse(text);
  if (!device || !(device->is("net_af_packet") || device->is("net_af_xdp"))) return std::nullopt;
  return device->argument("iface");
}

}  // namespace

PortZone zone_of(const Config& config, PortId port) {
  // A transit router forwards from any port to any other.
  if (config.router.mode == RouterMode::kTransit) return PortZone::kLocal;
  return config.ports[port.value()].side == PortSide::kLocal ? PortZone::kLocal : PortZone::kUplink;
}

bool OpenDevice::is_exchangeable() const {
  // Its packets are copied. An af_xdp device takes some of its buffers with it when it goes.
  return facts.driver == "net_af_packet";
}

PortStatistics OpenDevice::statistics() const {
  PortStatistics sum = retired;
  if (parts) sum += parts->port->statistics();
  return sum;
}

std::optional<DeviceParts> OpenDevice::take_out() {
  retired = statistics();
  return std::exchange(parts, std::nullopt);
}

void OpenDevice::put_in(DeviceParts opened) {
  parts.emplace(std::move(opened));
  facts = parts->port->facts();
  order.options.pool = parts->port->pool();
  order.mac = facts.mac;
}

Result<std::unique_ptr<Devices>> Devices::open(const Config& config) {
  EalOptions options;
  options.pci_devices = pci_devices(config);
  options.memory_bytes = memory_wanted(config, MemoryPages::kHuge);
  options.ordinary_memory_bytes = memory_wanted(config, MemoryPages::kOrdinary);
  auto eal = Eal::start(options);
  if (!eal) return tl::unexpected(eal.error());
  log::info("{}", eal->summary());

  std::unique_ptr<Devices> devices{new Devices{std::move(*eal)}};
  auto far_side = PrivateNamespace::create();
  if (!far_side) return tl::unexpected(far_side.error());
  devices->far_side_.emplace(std::move(*far_side));
  if (auto done = devices->open_ports(config); !done) return tl::unexpected(done.error());
  if (auto done = devices->open_host(config); !done) return tl::unexpected(done.error());
  if (auto done = devices->make_bfd_pools(config); !done) return tl::unexpected(done.error());
  return devices;
}

Result<void> Devices::open_ports(const Config& config) {
  std::map<PortId, std::shared_ptr<OpenDevice>> opened;
  for (const PortConfig& port : config.ports) {
    if (port.device_port != port.id) continue;
    auto device = open_device(config, port);
    if (!device) return tl::unexpected(device.error());
    opened[port.id] = std::move(*device);
  }
  if (auto done = enter_namespace(config); !done) return done;
  for (const PortConfig& port : config.ports) {
    if (auto done = open_port(config, port, opened.at(port.device_port)); !done) return done;
  }
  return {};
}

Result<std::shared_ptr<OpenDevice>> Devices::open_device(const Config& config,
                                                         const PortConfig& owner) {
  auto open = std::make_shared<OpenDevice>();
  open->owner = owner.id;
  open->order = {.options = port_options(owner, config),
                 .interface = borrowed_interface(owner.device),
                 .mac = std::nullopt};
  auto parts = open_parts(open->order, pools_);
  if (!parts) return tl::unexpected(parts.error());
  open->put_in(std::move(*parts));
  if (open->is_exchangeable() && home_thread_ == nullptr) {
    home_thread_ = std::make_unique<HomeThread>();
  }
  return open;
}

/// Devices are open, in the namespace that they are in; all that the kernel's stack sees of us is
/// yet to come.
Result<void> Devices::enter_namespace(const Config& config) {
  const std::string& name = config.host.netns;
  if (name.empty()) return {};
  auto stay = NamespaceStay::enter(name);
  if (!stay) return failure("host: netns: " + stay.error().message, stay.error().code);
  home_ = std::move(*stay).remain();
  // A new namespace's loopback is down, and with it the way to the machine's own addresses: to
  // lm0's too, so that no health check would ever pass.
  auto netlink = Netlink::open();
  if (!netlink) return tl::unexpected(netlink.error());
  const auto loopback = find_link(*netlink, "lo");
  if (!loopback) return tl::unexpected(loopback.error());
  if (*loopback && !(*loopback)->is_admin_up()) {
    if (auto done = change_link(*netlink, **loopback, {.set_flags = IFF_UP}); !done) return done;
  }
  log::info("network namespace {} has the host interface {} and the ports' twins", name,
            config.host.interface);
  return {};
}

Result<void> Devices::open_port(const Config& config, const PortConfig& wanted,
                                std::shared_ptr<OpenDevice> device) {
  const DeviceFacts& facts = device->facts;
  TwinOptions twin_options;
  twin_options.port = wanted.name;
  twin_options.mac = facts.mac;
  twin_options.mtu = wanted.mtu;
  twin_options.queues = static_cast<std::uint16_t>(config.dataplane.workers);
  for (const auto& address : wanted.addresses) {
    twin_options.addresses.push_back({address.address, address.length});
  }
  auto twin = Twin::create(twin_options, *far_side_, pools_);
  if (!twin) return tl::unexpected(twin.error());
  log::info("port {}: {} ({}){}, MTU {}, {}, kernel twin {}", wanted.name,
            config.ports[wanted.device_port.value()].device, facts.mac,
            wanted.vlan.empty() ? "" : fmt::format(", VLAN {}", fmt::join(wanted.vlan, " ")),
            wanted.mtu, wanted.side == PortSide::kLocal ? "local side" : "uplink",
            twin->interface_name());
  ports_.push_back({.id = wanted.id,
                    .name = wanted.name,
                    .vlan = wanted.tags(),
                    .device = std::move(device),
                    .twin = std::move(*twin)});
  return {};
}

Result<void> Devices::make_bfd_pools(const Config& config) {
  constexpr std::uint32_t kBytes = 256;
  constexpr int kAnySocket = -1;
  for (unsigned worker = 0; worker < config.dataplane.workers; ++worker) {
    auto pool =
        pools_.create(fmt::format("bfd{}", worker), bfd_buffers(config), kBytes, kAnySocket);
    if (!pool) return tl::unexpected(pool.error());
    bfd_pools_.push_back(*pool);
  }
  return {};
}

Result<void> Devices::open_host(const Config& config) {
  HostInterfaceOptions options;
  options.interface = config.host.interface;
  options.mtu = config.host.mtu;
  options.send_mtu = config.host.send_mtu;
  options.queues = static_cast<std::uint16_t>(config.dataplane.workers);
  options.spare_buffers = held_by_others(config, std::nullopt);
  options.far_end = config.host.segments ? FarEnd::kSegments : FarEnd::kPackets;
  options.default_route_metric = config.host.default_route_metric;
  auto host = HostInterface::create(options, *far_side_, pools_);
  if (!host) return tl::unexpected(host.error());
  host_.emplace(std::move(*host));

  for (const IpPrefix& loopback : config.loopbacks) {
    if (auto added = host_->add_address(address_of(loopback)); !added) return added;
  }
  for (const ServiceConfig& service : config.services) {
    if (auto added = host_->add_address(address_of(service.address)); !added) return added;
  }
  return {};
}

}  // namespace lastmile

#include "tests/pipeline/test_device.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace lastmile::test {
namespace {

constexpr unsigned kBuffers = 8191;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), rte_strerror(rte_errno));
  std::abort();
}

rte_mempool* make_pool() {
  rte_mempool* const pool =
      rte_pktmbuf_pool_create("test_packets", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
  if (pool == nullptr) give_up("mbuf pool");
  return pool;
}

}  // namespace

void start_eal() {
  static const bool started = [] {
    const std::string prefix = "--file-prefix=lmtest" + std::to_string(getpid());
    std::vector<std::string> arguments{"test",        "--no-huge", "--no-pci", "--no-telemetry",
                                       "--no-shconf", "-m",        "96",       "--log-level=error",
                                       prefix};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) give_up("EAL");
    return true;
  }();
  static_cast<void>(started);
}

rte_mempool* packet_pool() {
  static rte_mempool* const pool = make_pool();
  return pool;
}

unsigned buffers_in_use() {
  return rte_mempool_in_use_count(packet_pool());
}

rte_mbuf* make_mbuf(const Bytes& frame, std::size_t segment_size) {
  if (segment_size == 0) segment_size = frame.size();
  rte_mbuf* head = nullptr;
  std::size_t at = 0;
  do {
    rte_mbuf* const segment = rte_pktmbuf_alloc(packet_pool());
    if (segment == nullptr) give_up("mbuf");
    const std::size_t size = std::min(segment_size, frame.size() - at);
    char* const data = rte_pktmbuf_append(segment, static_cast<std::uint16_t>(size));
    if (data == nullptr) give_up("frame too long for a segment");
    std::memcpy(data, frame.data() + at, size);
    at += size;
    if (head == nullptr) {
      head = segment;
    } else if (rte_pktmbuf_chain(head, segment) != 0) {
      give_up("too many segments");
    }
  } while (at < frame.size());
  return head;
}

Bytes to_bytes(const rte_mbuf* packet) {
  Bytes bytes;
  for (const rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
    const auto* const data = rte_pktmbuf_mtod(segment, const std::uint8_t*);
    bytes.insert(bytes.end(), data, data + segment->data_len);
  }
  return bytes;
}

TestDevice::TestDevice(const std::string& name) {
  start_eal();
  constexpr unsigned kFlags = RING_F_SP_ENQ | RING_F_SC_DEQ;
  from_wire_ = rte_ring_create((name + "_in").c_str(), kRingSize, SOCKET_ID_ANY, kFlags);
  to_wire_ = rte_ring_create((name + "_out").c_str(), kRingSize, SOCKET_ID_ANY, kFlags);
  if (from_wire_ == nullptr || to_wire_ == nullptr) give_up("ring");
  const int port = rte_eth_from_rings(name.c_str(), &from_wire_, 1, &to_wire_, 1, 0);
  if (port < 0) give_up("ring device");
  port_ = static_cast<std::uint16_t>(port);
  const rte_eth_conf configuration{};
  if (rte_eth_dev_configure(port_, 1, 1, &configuration) != 0 ||
      rte_eth_rx_queue_setup(port_, 0, 64, 0, nullptr, packet_pool()) != 0 ||
      rte_eth_tx_queue_setup(port_, 0, 64, 0, nullptr) != 0 || rte_eth_dev_start(port_) != 0) {
    give_up("start of a ring device");
  }
}

void TestDevice::receive(rte_mbuf* packet) {
  packet->port = port_;  // as every driver says but DPDK's for rings
  if (rte_ring_enqueue(from_wire_, packet) != 0) give_up("receive ring is full");
}

std::vector<Bytes> TestDevice::take_sent() {
  std::vector<Bytes> sent;
  void* object = nullptr;
  while (rte_ring_dequeue(to_wire_, &object) == 0) {
    auto* const packet = static_cast<rte_mbuf*>(object);
    sent.push_back(to_bytes(packet));
    rte_pktmbuf_free(packet);
  }
  return sent;
}

void TestDevice::leave_room(unsigned room) {
  while (rte_ring_free_count(to_wire_) > room) {
    if (rte_ring_enqueue(to_wire_, make_mbuf({0})) != 0) give_up("fill");
  }
}

void TestDevice::clear() {
  void* object = nullptr;
  while (rte_ring_dequeue(from_wire_, &object) == 0) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(object));
  }
  take_sent();
}

}  // namespace lastmile::test

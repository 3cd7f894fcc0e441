#include "drivers/ports/af_packet_fanout.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace lastmile {
namespace {

thread_local AfPacketFanout* t_active = nullptr;

// The type and the flags of a group are the upper half of what a socket asks for.
constexpr unsigned kTypeMask = 0xffU << 16;
constexpr unsigned kUnwanted =
    static_cast<unsigned>(PACKET_FANOUT_FLAG_DEFRAG | PACKET_FANOUT_FLAG_ROLLOVER) << 16;

int set_option(int socket, int level, int option, const void* value, socklen_t size) {
  return static_cast<int>(::syscall(SYS_setsockopt, socket, level, option, value, size));
}

}  // namespace

AfPacketFanout::AfPacketFanout(std::vector<sock_filter> filter) : filter_(std::move(filter)) {
  t_active = this;
}

AfPacketFanout::~AfPacketFanout() {
  t_active = nullptr;
}

unsigned AfPacketFanout::corrected(unsigned argument) const {
  argument &= ~kUnwanted;
  if (filter_.empty()) return argument;
  return (argument & ~kTypeMask) | static_cast<unsigned>(PACKET_FANOUT_CBPF) << 16;
}

int AfPacketFanout::join(int socket, unsigned argument) {
  ++sockets_;
  const unsigned wanted = corrected(argument);
  const int joined = set_option(socket, SOL_PACKET, PACKET_FANOUT, &wanted, sizeof wanted);
  if (joined != 0 || filter_.empty()) return joined;
  // The filter is the group's: each socket that joins puts the same one in its place.
  const sock_fprog program{static_cast<unsigned short>(filter_.size()), filter_.data()};
  return set_option(socket, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program);
}

}  // namespace lastmile

// The C library's declaration, whose parameter names are reserved.
extern "C" [[gnu::visibility("default")]] int setsockopt(int socket, int level, int option,
                                                         const void* value,
                                                         socklen_t size) noexcept {
  unsigned argument = 0;
  if (lastmile::t_active != nullptr && level == SOL_PACKET && option == PACKET_FANOUT &&
      size == sizeof argument) {
    std::memcpy(&argument, value, sizeof argument);
    return lastmile::t_active->join(socket, argument);
  }
  return lastmile::set_option(socket, level, option, value, size);
}

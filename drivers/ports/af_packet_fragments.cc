#include "drivers/ports/af_packet_fragments.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace lastmile {
namespace {

thread_local AfPacketFragments* t_active = nullptr;

}  // namespace

AfPacketFragments::AfPacketFragments() {
  t_active = this;
}

AfPacketFragments::~AfPacketFragments() {
  t_active = nullptr;
}

unsigned AfPacketFragments::without_defragmentation(unsigned argument) {
  return argument & ~(static_cast<unsigned>(PACKET_FANOUT_FLAG_DEFRAG) << 16);
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
    argument = lastmile::AfPacketFragments::without_defragmentation(argument);
    value = &argument;
    lastmile::t_active->count_socket();
  }
  return static_cast<int>(::syscall(SYS_setsockopt, socket, level, option, value, size));
}

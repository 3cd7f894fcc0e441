#include "controlplane/capture/pcapng.h"

#include <algorithm>
#include <cstring>

namespace lastmile::pcapng {
namespace {

// Section numbers are of the draft.
enum class BlockType : std::uint32_t {
  kInterface = 1,            // 4.2
  kStatistics = 5,           // 4.6
  kPacket = 6,               // 4.3
  kSection = 0x0a'0d'0d'0a,  // 4.1
};
enum Option : std::uint16_t {
  kEnd = 0,
  kComment = 1,
  kName = 2,            // of an interface
  kFlags = 2,           // of a packet
  kDescription = 3,     // of an interface
  kApplication = 4,     // of a section
  kReceived = 4,        // of statistics
  kLost = 5,            // of statistics
  kTimeResolution = 9,  // of an interface
};
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kMajor = 1, kMinor = 0;
constexpr std::uint16_t kEthernet = 1;
/// Ten to the power of minus this many seconds.
constexpr std::uint8_t kNanoseconds = 9;

/// A block under construction; ends with its scope.
class Block {
 public:
  Block(std::string& out, BlockType type) : out_(out), begin_(out.size()) {
    put(static_cast<std::uint32_t>(type));
    put(std::uint32_t{0});  // the length comes when it is known
  }
  ~Block() {
    const auto length = static_cast<std::uint32_t>(out_.size() - begin_ + sizeof(std::uint32_t));
    std::memcpy(out_.data() + begin_ + sizeof(std::uint32_t), &length, sizeof length);
    put(length);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  template <class Number>
  void put(Number value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_time(Time at) {
    const auto count = static_cast<std::uint64_t>(at.time_since_epoch().count());
    put(static_cast<std::uint32_t>(count >> 32));
    put(static_cast<std::uint32_t>(count));
  }
  /// Octets, filled up to a multiple of four.
  void put_padded(const void* octets, std::size_t count) {
    out_.append(static_cast<const char*>(octets), count);
    out_.append((4 - count % 4) % 4, '\0');
  }
  void option(Option code, const void* value, std::size_t length) {
    put(static_cast<std::uint16_t>(code));
    put(static_cast<std::uint16_t>(length));
    put_padded(value, length);
  }
  /// An empty text is none.
  void option(Option code, std::string_view text) {
    if (!text.empty()) option(code, text.data(), std::min<std::size_t>(text.size(), 0xffff));
  }
  template <class Number>
  void option_number(Option code, Number value) {
    option(code, &value, sizeof value);
  }
  void end_of_options() { option(kEnd, nullptr, 0); }

 private:
  std::string& out_;
  const std::size_t begin_;
};

}  // namespace

void append_section(std::string& out, std::string_view application) {
  Block block{out, BlockType::kSection};
  block.put(kByteOrderMagic);
  block.put(kMajor);
  block.put(kMinor);
  block.put(std::int64_t{-1});  // its length is not known
  block.option(kApplication, application);
  block.end_of_options();
}

void append_interface(std::string& out, const Interface& interface) {
  Block block{out, BlockType::kInterface};
  block.put(kEthernet);
  block.put(std::uint16_t{0});
  block.put(interface.snap);
  block.option(kName, interface.name);
  block.option(kDescription, interface.description);
  block.option_number(kTimeResolution, kNanoseconds);
  block.end_of_options();
}

void append_packet(std::string& out, const Packet& packet) {
  Block block{out, BlockType::kPacket};
  block.put(packet.interface);
  block.put_time(packet.at);
  block.put(static_cast<std::uint32_t>(packet.octets.size()));
  block.put(packet.length);
  block.put_padded(packet.octets.data(), packet.octets.size());
  block.option(kComment, packet.comment);
  block.option_number(kFlags, static_cast<std::uint32_t>(packet.direction));
  block.end_of_options();
}

void append_statistics(std::string& out, const Statistics& statistics) {
  Block block{out, BlockType::kStatistics};
  block.put(statistics.interface);
  block.put_time(statistics.at);
  block.option_number(kReceived, statistics.received);
  block.option_number(kLost, statistics.lost);
  block.end_of_options();
}

}  // namespace lastmile::pcapng

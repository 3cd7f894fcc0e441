// What we send, read by somebody else: every sample goes into a capture file as a TCP session, and
// tshark has to find nothing wrong in it. The BGP dissector decides by itself whether AS numbers
// have two or four octets, so each kind is a session of its own.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/bgp_wire/samples.h"

namespace lastmile::bgp::test {
namespace {

namespace fs = std::filesystem;

// Writes the classic capture format: a file header, then Ethernet frames behind record headers.
class Capture {
 public:
  explicit Capture(const fs::path& path) : file_(path, std::ios::binary) {
    put32(0xa1b2c3d4);
    put16(2);
    put16(4);
    put32(0);
    put32(0);
    put32(65535);
    put32(1);  // Ethernet
  }

  // One direction of a TCP connection to port 179, in segments that a link could carry.
  void stream(std::uint16_t source_port, const Bytes& octets) {
    constexpr std::size_t kSegment = 1400;
    for (std::size_t at = 0; at < octets.size(); at += kSegment) {
      const std::size_t size = std::min(kSegment, octets.size() - at);
      segment(source_port, static_cast<std::uint32_t>(1 + at),
              Bytes(octets.begin() + static_cast<std::ptrdiff_t>(at),
                    octets.begin() + static_cast<std::ptrdiff_t>(at + size)));
    }
  }

 private:
  void segment(std::uint16_t source_port, std::uint32_t sequence, const Bytes& payload) {
    Bytes frame = hex("020000000002 020000000001 0800");
    const auto length = static_cast<std::uint16_t>(40 + payload.size());
    const auto put = [&](std::uint32_t value, int octets) {
      while (octets-- > 0) frame.push_back(static_cast<std::uint8_t>(value >> (8 * octets)));
    };
    put(0x45c0, 2);
    put(length, 2);
    put(0x00004000, 4);  // don't fragment
    put(0x40060000, 4);  // TTL 64, TCP, checksum not filled in
    put(0x0a000101, 4);
    put(0x0a000102, 4);
    put(source_port, 2);
    put(kBgpPort, 2);
    put(sequence, 4);
    put(1, 4);
    put(0x5018ffff, 4);  // 20 octets of header, PSH and ACK, window
    put(0, 4);
    append(frame, payload);
    put32(seconds_++);
    put32(0);
    put32(static_cast<std::uint32_t>(frame.size()));
    put32(static_cast<std::uint32_t>(frame.size()));
    file_.write(reinterpret_cast<const char*>(frame.data()),
                static_cast<std::streamsize>(frame.size()));
  }

  // In the machine's own order: the magic number in front tells the reader which that is.
  void put16(std::uint16_t value) {
    file_.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put32(std::uint32_t value) {
    file_.write(reinterpret_cast<const char*>(&value), sizeof value);
  }

  std::ofstream file_;
  std::uint32_t seconds_ = 1;
};

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), n);
  }
  pclose(pipe);
  return output;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

class Tshark : public testing::Test {
 protected:
  void SetUp() override {
    if (output_of("tshark --version 2>/dev/null").empty()) {
      GTEST_SKIP() << "tshark is not installed";
    }
    std::string pattern = (fs::temp_directory_path() / "lastmile-tshark-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  std::string dissect(const std::vector<Sample>& session) {
    Bytes stream;
    for (const Sample& sample : session) append(stream, sample.octets);
    const fs::path file = directory_ / "session.pcap";
    Capture(file).stream(40000, stream);
    // HOME: the user's own preferences must not change what is found.
    return output_of("HOME=" + directory_.string() + " tshark -n -V -r " + file.string() + " 2>&1");
  }

  fs::path directory_;
};

void expect_clean(std::string text, std::size_t messages) {
  // Younger than some versions of tshark: BFD Down (RFC 9384), the value of a role and
  // Only-to-Customer (RFC 9234). Each attribute unknown to it shows its number, too.
  for (const std::string young :
       {"(Cease): Unknown (10)", "Unknown: 03", "Unknown (35)", "Unknown Path attributes"}) {
    for (std::size_t at = text.find(young); at != std::string::npos; at = text.find(young)) {
      text.erase(at, young.size());
    }
  }

  for (const char* complaint : {"Malformed", "malformed", "Expert Info (Error", "Expert Info (Warn",
                                "Unknown", "Dissector bug"}) {
    const std::size_t at = text.find(complaint);
    EXPECT_EQ(at, std::string::npos) << complaint << " in\n"
                                     << text.substr(at < 1000 ? 0 : at - 1000, 1500);
  }
  EXPECT_EQ(count(text, "Border Gateway Protocol - "), messages);
}

TEST_F(Tshark, EverySampleIsWellFormed) {
  std::vector<Sample> session = samples();
  std::size_t messages = 0;
  for (const Sample& sample : session) {
    for (std::size_t at = 0; at < sample.octets.size(); ++messages) {
      at += static_cast<std::size_t>(sample.octets[at + 16]) << 8 | sample.octets[at + 17];
    }
  }
  const std::string text = dissect(session);
  expect_clean(text, messages);
  // Read as what was meant, not only as something.
  for (const char* fact :
       {"Multiprotocol extensions capability", "Route refresh capability",
        "Extended Next Hop Encoding", "Support for 4-octet AS number capability",
        "AS Number: 4200000001", "Hostname: bms1", "BGP-Extended Message", "IPv6 Address: fe80::1",
        "10.0.1.1/32", "2001:db8:1::1/128", "64512 4200000001",
        "Shutdown Communication: back at 14:00 UTC", "4200000001:1:2"}) {
    EXPECT_NE(text.find(fact), std::string::npos) << fact << " is not in it";
  }
}

TEST_F(Tshark, TwoOctetSessionIsWellFormed) {
  const std::string text = dissect(two_octet_samples());
  expect_clean(text, 2);
  for (const char* fact : {"64512 23456", "AS4_PATH", "AS4_AGGREGATOR", "64512 4200000001"}) {
    EXPECT_NE(text.find(fact), std::string::npos) << fact << " is not in it";
  }
}

// The test can fail: a message with a broken attribute is complained about.
TEST_F(Tshark, ComplainsAboutAMalformedMessage) {
  std::vector<Sample> session{{"broken", update({}, hex("40 01 09 00 40 02 00"), hex("21 0a"))}};
  const std::string text = dissect(session);
  EXPECT_NE(text.find("Expert Info (Error"), std::string::npos) << text;
}

}  // namespace
}  // namespace lastmile::bgp::test

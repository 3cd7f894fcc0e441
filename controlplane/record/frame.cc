#include "controlplane/record/frame.h"

#include <fmt/format.h>

#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lastmile::record {
namespace {

constexpr std::array kNames{"",        "begin", "config",  "start",      "event", "apply",
                            "service", "stop",  "answers", "checkpoint", "end"};
static_assert(kNames.size() == static_cast<std::size_t>(FrameKind::kEnd) + 1);
constexpr std::size_t kHeader = 5, kChecksum = 4;

void append_u32(std::uint32_t value, std::string& out) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> shift)));
  }
}

std::uint32_t read_u32(const char* at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    value |= std::uint32_t{static_cast<std::uint8_t>(at[i])} << (8 * i);
  }
  return value;
}

std::uint32_t checksum(std::string_view header, std::string_view payload) {
  boost::crc_32_type crc;
  crc.process_bytes(header.data(), header.size());
  crc.process_bytes(payload.data(), payload.size());
  return crc.checksum();
}

}  // namespace

const char* to_string(FrameKind kind) {
  const auto number = static_cast<std::size_t>(kind);
  return number < kNames.size() ? kNames[number] : "";
}

std::string first_line() {
  return fmt::format("{}{}\n", kMagic, kVersion);
}

void append_frame(FrameKind kind, std::string_view payload, std::string& out) {
  const std::size_t header = out.size();
  out.push_back(static_cast<char>(kind));
  append_u32(static_cast<std::uint32_t>(payload.size()), out);
  const std::uint32_t sum = checksum(std::string_view{out}.substr(header, kHeader), payload);
  out.append(payload);
  append_u32(sum, out);
}

tl::expected<FrameReader, std::string> FrameReader::open(const std::string& path) {
  File file{std::fopen(path.c_str(), "rbe"), &std::fclose};
  if (!file) {
    return tl::unexpected(fmt::format("{}: can't be opened: {}", path, std::strerror(errno)));
  }
  std::string line;
  for (int c = 0; line.size() < 64 && (c = std::fgetc(file.get())) != EOF && c != '\n';) {
    line.push_back(static_cast<char>(c));
  }
  if (!line.starts_with(kMagic)) {
    return tl::unexpected(fmt::format(
        "{}: byte 0: no recording; expected a file that lastmiled --record made", path));
  }
  const std::string wanted = first_line();
  if (line + "\n" != wanted) {
    return tl::unexpected(
        fmt::format("{}: byte {}: a recording of version \"{}\"; this program reads version {}",
                    path, kMagic.size(), line.substr(kMagic.size()), kVersion));
  }
  FrameReader reader{path, std::move(file)};
  reader.position_ = wanted.size();
  return reader;
}

std::string FrameReader::complaint(std::uint64_t position, std::string_view what) const {
  return fmt::format("{}: byte {}: {}", path_, position, what);
}

tl::expected<std::optional<Frame>, std::string> FrameReader::next() {
  const auto broken = [this](std::string_view what) {
    return tl::unexpected(complaint(position_, what));
  };
  char header[kHeader];
  const std::size_t got = std::fread(header, 1, kHeader, file_.get());
  if (got == 0 && std::ferror(file_.get()) == 0) return std::nullopt;
  if (got < kHeader) return broken("the file ends in the middle of a frame");
  Frame frame;
  frame.kind = static_cast<FrameKind>(header[0]);
  frame.position = position_;
  const std::uint32_t length = read_u32(header + 1);
  if (*to_string(frame.kind) == '\0' || length > kLongestPayload) {
    return broken("no frame begins here: the file is damaged");
  }
  frame.payload.resize(length);
  char trailer[kChecksum];
  if (std::fread(frame.payload.data(), 1, length, file_.get()) < length ||
      std::fread(trailer, 1, kChecksum, file_.get()) < kChecksum) {
    return broken(
        fmt::format("the file ends in the middle of a frame ({})", to_string(frame.kind)));
  }
  if (checksum({header, kHeader}, frame.payload) != read_u32(trailer)) {
    return broken(fmt::format("the checksum of this frame ({}) is wrong: the file is damaged",
                              to_string(frame.kind)));
  }
  position_ += kHeader + length + kChecksum;
  return frame;
}

}  // namespace lastmile::record

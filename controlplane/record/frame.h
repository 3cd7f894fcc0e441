// The file of a recording: one line that says what it is, then frames.
//
//   "lastmile recording 2\n"
//   frame: kind (1 byte), length of the payload (4, little endian), payload, CRC-32 of all of these
//
// A frame of a kind that a reader doesn't know is an error, so whatever changes the meaning of a
// recording gets another version.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace lastmile::record {

inline constexpr std::string_view kMagic = "lastmile recording ";
inline constexpr unsigned kVersion = 2;
/// More than any input is: a configuration has at most 16 MiB.
inline constexpr std::uint32_t kLongestPayload = 64U << 20;

enum class FrameKind : std::uint8_t {
  kBegin = 1,
  kConfig,
  kStart,
  kEvent,
  kApply,
  kService,
  kStop,
  kAnswers,
  kCheckpoint,
  kEnd,
};
/// "event"; "" for a number that is no kind.
[[nodiscard]] const char* to_string(FrameKind kind);

[[nodiscard]] std::string first_line();
void append_frame(FrameKind kind, std::string_view payload, std::string& out);

struct Frame {
  FrameKind kind{};
  std::uint64_t position = 0;  ///< of its first byte in the file
  std::string payload;
};

/// Reads frame after frame.
class FrameReader {
 public:
  /// "FILE: can't be opened: ..."; "FILE: no recording; expected ...".
  [[nodiscard]] static tl::expected<FrameReader, std::string> open(const std::string& path);

  /// nullopt at the end of the file. An error names the byte where the broken frame begins; the
  /// frames before it are good.
  [[nodiscard]] tl::expected<std::optional<Frame>, std::string> next();
  /// "FILE: byte 1234: what".
  [[nodiscard]] std::string complaint(std::uint64_t position, std::string_view what) const;

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  FrameReader(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  File file_;
  std::uint64_t position_ = 0;
};

}  // namespace lastmile::record

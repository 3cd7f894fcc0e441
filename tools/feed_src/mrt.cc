#include "tools/feed_src/mrt.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <unordered_map>
#include <vector>

#include "controlplane/bgp/wire/attribute.h"

namespace lastmile::feed {
namespace {

using bgp::AttributeCode;
using bgp::OctetReader;
using bgp::Octets;
using Bytes = std::vector<std::uint8_t>;

// RFC 6396 sections 4 and 4.3.
constexpr std::uint16_t kTableDumpV2 = 13;
constexpr std::uint16_t kRibIpv4Unicast = 2;
constexpr std::uint16_t kRibIpv6Unicast = 4;
constexpr std::size_t kRecordHeader = 12;

/// What is dropped of an entry: next hops are the feed's own.
bool has_next_hop(AttributeCode code) {
  return code == AttributeCode::kNextHop || code == AttributeCode::kMpReachNlri ||
         code == AttributeCode::kMpUnreachNlri;
}

/// The attributes without next hops, or nothing if they run over their end.
std::optional<Bytes> without_next_hops(Octets attributes) {
  Bytes kept;
  for (OctetReader in(attributes); !in.empty();) {
    if (in.left() < 3) return std::nullopt;
    const Octets start = in.rest();
    const std::uint8_t flags = in.u8();
    const auto code = static_cast<AttributeCode>(in.u8());
    const bool wide = (flags & bgp::kFlagExtendedLength) != 0;
    if (wide && in.left() < 2) return std::nullopt;
    const std::size_t length = wide ? in.u16() : in.u8();
    if (in.left() < length) return std::nullopt;
    in.take(length);
    if (has_next_hop(code)) continue;
    kept.insert(kept.end(), start.begin(), start.end() - static_cast<std::ptrdiff_t>(in.left()));
  }
  return kept;
}

/// Lets our own codec judge the attributes, as those of an UPDATE for a route of no interest.
std::optional<bgp::PathAttributes> decode_attributes(const Bytes& attributes) {
  constexpr std::array<std::uint8_t, 7> kAnyNextHop{0x40, 3, 4, 192, 0, 2, 1};
  Bytes message(16, 0xff);
  bgp::OctetWriter out(message);
  out.u16(0);  // length, below
  out.u8(2);   // UPDATE
  out.u16(0);  // no withdrawn routes
  if (attributes.size() + kAnyNextHop.size() > UINT16_MAX) return std::nullopt;
  const std::size_t held = out.hold_u16();
  out.octets(attributes);
  out.octets(kAnyNextHop);
  out.fill_u16(held);
  out.u8(8);  // 1.0.0.0/8
  out.u8(1);
  message[16] = static_cast<std::uint8_t>(message.size() >> 8);
  message[17] = static_cast<std::uint8_t>(message.size());
  bgp::CodecContext context;
  context.extended_message = true;
  auto decoded = bgp::decode(message, context);
  if (!decoded) return std::nullopt;
  auto* const update = std::get_if<bgp::Update>(&*decoded);
  if (update == nullptr || update->reach.empty()) return std::nullopt;
  return std::move(update->attributes);
}

/// A prefix as in NLRI: a length, then as many octets as hold it.
std::optional<IpPrefix> read_prefix(OctetReader& in, std::uint16_t subtype) {
  if (in.empty()) return std::nullopt;
  const unsigned length = in.u8();
  const unsigned most = subtype == kRibIpv4Unicast ? Ipv4Address::kBits : Ipv6Address::kBits;
  const std::size_t octets = (length + 7) / 8;
  if (length > most || in.left() < octets) return std::nullopt;
  std::array<std::uint8_t, 16> wire{};
  std::ranges::copy(in.take(octets), wire.begin());
  if (subtype == kRibIpv6Unicast) return Ipv6Prefix{Ipv6Address{wire}, length};
  return Ipv4Prefix{Ipv4Address{wire[0], wire[1], wire[2], wire[3]}, length};
}

class Reader {
 public:
  Reader(std::optional<std::uint16_t> peer, std::size_t limit) : peer_(peer), limit_(limit) {}

  [[nodiscard]] bool full() const { return table_.routes.size() >= limit_; }

  /// RFC 6396 section 4.3.2. False if the record is cut short.
  bool record(Octets body, std::uint16_t subtype) {
    OctetReader in(body);
    if (in.left() < 4) return false;
    in.u32();  // sequence number
    const auto prefix = read_prefix(in, subtype);
    if (!prefix || in.left() < 2) return false;
    for (unsigned left = in.u16(); left > 0; --left) {
      if (in.left() < 8) return false;
      const std::uint16_t index = in.u16();
      in.u32();  // originated at
      const std::size_t length = in.u16();
      if (in.left() < length) return false;
      const Octets attributes = in.take(length);
      if (peer_ && *peer_ != index) continue;
      add(*prefix, attributes);
      break;
    }
    return true;
  }

  Table finish(std::string source) {
    // A dump that has a prefix twice would have the feed say it twice.
    std::ranges::stable_sort(table_.routes, {}, &Route::prefix);
    const auto same = [](const Route& a, const Route& b) { return a.prefix == b.prefix; };
    table_.routes.erase(std::unique(table_.routes.begin(), table_.routes.end(), same),
                        table_.routes.end());
    std::ranges::stable_sort(table_.routes, {}, &Route::set);
    table_.source = std::move(source);
    return std::move(table_);
  }

 private:
  void add(const IpPrefix& prefix, Octets attributes) {
    auto kept = without_next_hops(attributes);
    if (!kept) return;
    std::string key{kept->begin(), kept->end()};
    const auto known = numbers_.find(key);
    if (known != numbers_.end()) {
      table_.routes.push_back({prefix, known->second});
      return;
    }
    auto decoded = decode_attributes(*kept);
    if (!decoded) return;
    const auto number = static_cast<std::uint32_t>(table_.sets.size());
    table_.sets.push_back(std::move(*decoded));
    numbers_.emplace(std::move(key), number);
    table_.routes.push_back({prefix, number});
  }

  std::optional<std::uint16_t> peer_;
  std::size_t limit_;
  Table table_;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // by the attributes' octets
};

}  // namespace

tl::expected<Table, std::string> parse_mrt(Octets dump, std::optional<std::uint16_t> peer,
                                           std::size_t limit, std::string source) {
  Reader reader{peer, limit};
  for (OctetReader in(dump); !in.empty() && !reader.full();) {
    const std::size_t at = dump.size() - in.left();
    const auto cut_short = [&] {
      return tl::unexpected(fmt::format("{}: record at octet {} is cut short", source, at));
    };
    if (in.left() < kRecordHeader) return cut_short();
    in.u32();  // timestamp
    const std::uint16_t type = in.u16(), subtype = in.u16();
    const std::size_t length = in.u32();
    if (in.left() < length) return cut_short();
    const Octets body = in.take(length);
    if (type != kTableDumpV2) {
      return tl::unexpected(fmt::format(
          "{}: record at octet {} has MRT type {}; expected 13 (TABLE_DUMP_V2)", source, at, type));
    }
    if (subtype != kRibIpv4Unicast && subtype != kRibIpv6Unicast) continue;
    if (!reader.record(body, subtype)) return cut_short();
  }
  return reader.finish(std::move(source));
}

tl::expected<Table, std::string> read_mrt(const std::string& path,
                                          std::optional<std::uint16_t> peer, std::size_t limit) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file{gzopen(path.c_str(), "rb"), gzclose};
  if (!file) return tl::unexpected(fmt::format("{}: can't open", path));
  Bytes dump;
  constexpr unsigned kChunk = 1U << 20;
  // The largest tables of 2026 take a fifth of it; a compressed file can say anything.
  constexpr std::size_t kMost = std::size_t{4} << 30;
  for (int read = 1; read > 0;) {
    const std::size_t size = dump.size();
    dump.resize(size + kChunk);
    read = gzread(file.get(), dump.data() + size, kChunk);
    if (read < 0) return tl::unexpected(fmt::format("{}: can't read", path));
    dump.resize(size + static_cast<std::size_t>(read));
    if (dump.size() > kMost) {
      return tl::unexpected(
          fmt::format("{}: longer than {} octets; expected one table", path, kMost));
    }
  }
  return parse_mrt(dump, peer, limit, std::filesystem::path{path}.filename().string());
}

}  // namespace lastmile::feed

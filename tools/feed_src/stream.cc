#include "tools/feed_src/stream.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace lastmile::feed {
namespace {

using bgp::Family;
using bgp::Nlri;

enum class Path : std::uint8_t { kUsual, kLonger };

class Writer {
 public:
  Writer(const Table& table, const Speaker& speaker) : table_(table), speaker_(speaker) {}

  [[nodiscard]] bool carries(const IpPrefix& prefix) const {
    return std::holds_alternative<Ipv4Prefix>(prefix) || speaker_.next_hop_v6.global ||
           speaker_.next_hop_v6.link_local;
  }

  /// Routes that share the attributes of the first.
  void announce(std::span<const Route> routes, Path path) {
    bgp::Update update;
    update.attributes = table_.sets[routes.front().set];
    update.attributes.as_path.prepend(speaker_.asn, path == Path::kLonger ? 2 : 1);
    const auto add = [&]<class Address>(Family family, const bgp::NextHop& hop, Address) {
      std::vector<Nlri<Address>> nlri = of_family<Address>(routes);
      if (nlri.empty()) return;
      routes_ += nlri.size();
      update.reach.push_back({family, hop, std::move(nlri)});
    };
    add(Family::kIpv4Unicast, speaker_.next_hop_v4, Ipv4Address{});
    add(Family::kIpv6Unicast, speaker_.next_hop_v6, Ipv6Address{});
    if (!update.reach.empty()) append(encode(update, speaker_.codec));
  }

  void withdraw(std::span<const Route> routes) {
    bgp::Update update;
    const auto add = [&]<class Address>(Family family, Address) {
      std::vector<Nlri<Address>> nlri = of_family<Address>(routes);
      if (nlri.empty()) return;
      routes_ += nlri.size();
      update.unreach.push_back({family, std::move(nlri)});
    };
    add(Family::kIpv4Unicast, Ipv4Address{});
    add(Family::kIpv6Unicast, Ipv6Address{});
    if (!update.unreach.empty()) append(encode(update, speaker_.codec));
  }

  void append(const std::vector<std::uint8_t>& message) {
    stream_.bytes.insert(stream_.bytes.end(), message.begin(), message.end());
    stream_.marks.push_back({stream_.bytes.size(), routes_});
  }

  Stream finish() { return std::move(stream_); }

 private:
  template <class Address>
  std::vector<Nlri<Address>> of_family(std::span<const Route> routes) const {
    std::vector<Nlri<Address>> nlri;
    for (const Route& route : routes) {
      const auto* const prefix = std::get_if<Prefix<Address>>(&route.prefix);
      if (prefix != nullptr && carries(route.prefix)) nlri.push_back({*prefix, 0});
    }
    return nlri;
  }

  const Table& table_;
  const Speaker& speaker_;
  Stream stream_;
  std::uint64_t routes_ = 0;
};

}  // namespace

Stream announce_stream(const Table& table, const Speaker& speaker) {
  Writer writer{table, speaker};
  const std::span<const Route> routes{table.routes};
  for (std::size_t at = 0; at < routes.size();) {
    std::size_t end = at + 1;
    while (end < routes.size() && routes[end].set == routes[at].set) ++end;
    writer.announce(routes.subspan(at, end - at), Path::kUsual);
    at = end;
  }
  writer.append(bgp::encode_end_of_rib(Family::kIpv4Unicast));
  return writer.finish();
}

Stream withdraw_stream(const Table& table, const Speaker& speaker) {
  constexpr std::size_t kAtOnce = 700;  // fits one message, so marks stay fine-grained
  Writer writer{table, speaker};
  const std::span<const Route> routes{table.routes};
  for (std::size_t at = 0; at < routes.size(); at += kAtOnce) {
    writer.withdraw(routes.subspan(at, std::min(kAtOnce, routes.size() - at)));
  }
  return writer.finish();
}

Stream churn_stream(const Table& table, const Speaker& speaker, std::size_t prefixes) {
  Writer writer{table, speaker};
  const std::span<const Route> routes{table.routes};
  prefixes = std::min(prefixes, routes.size());
  const auto nth = [&](std::size_t i) { return routes.subspan(i * routes.size() / prefixes, 1); };
  // A prefix's four messages come a quarter of the stream apart, so that each is work of its own.
  for (const Path path : {Path::kLonger, Path::kUsual}) {
    for (std::size_t i = 0; i < prefixes; ++i) writer.withdraw(nth(i));
    for (std::size_t i = 0; i < prefixes; ++i) writer.announce(nth(i), path);
  }
  return writer.finish();
}

}  // namespace lastmile::feed

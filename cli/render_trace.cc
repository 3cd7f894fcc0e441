// `lastmile trace` in plain words.
#include <fmt/format.h>

#include <string_view>

#include "cli/render.h"

namespace lastmile::cli {
namespace {

const std::string& word(const Json& object, const char* key) {
  return object.at(key).get_ref<const std::string&>();
}

/// A line of the explanation: what it is about, and what there is to say.
std::string explained(std::string_view subject, std::string_view text) {
  return fmt::format("{:<9}{}\n", subject, text);
}

/// "10.0.1.1:40000", "[2001:db8::1]:80", or the address alone.
std::string endpoint(const Json& address, const Json& port) {
  if (port.is_null()) return address.get<std::string>();
  const auto& text = address.get_ref<const std::string&>();
  const bool ipv6 = text.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", ipv6 ? "[" : "", text, ipv6 ? "]" : "", port.get<unsigned>());
}

/// What was asked of the packet beside its addresses and ports: ", 1600 bytes, not to be cut".
std::string shape(const Json& flow) {
  constexpr unsigned kOrdinaryTtl = 64;
  std::string text;
  if (const Json& length = flow.at("length"); !length.is_null()) {
    text += fmt::format(", {} bytes", length.get<unsigned>());
  }
  if (flow.at("df").get<bool>()) text += ", not to be cut";
  const auto ttl = flow.at("ttl").get<unsigned>();
  if (ttl != kOrdinaryTtl) text += fmt::format(", TTL {}", ttl);
  return text;
}

std::string flow_line(const Json& data) {
  const Json& flow = data.at("flow");
  const std::string& side = word(data, "side");
  const bool number =
      word(flow, "protocol") == fmt::format("{}", flow.at("protocol_number").get<unsigned>());
  return fmt::format("{}{} {} -> {}{}, from {}\n", number ? "protocol " : "",
                     word(flow, "protocol"), endpoint(flow.at("source"), flow.at("source_port")),
                     endpoint(flow.at("destination"), flow.at("destination_port")), shape(flow),
                     side == "host"
                         ? fmt::format("the machine's own programs ({})", word(data, "ingress"))
                         : fmt::format("{} ({})", word(data, "ingress"),
                                       side == "uplink" ? "an uplink" : "a local port"));
}

/// The kind of the chosen next hop; empty: none is.
std::string chosen_kind(const Json& data) {
  if (data.at("group").is_null()) return {};
  for (const Json& member : data.at("group").at("members")) {
    if (member.at("chosen").get<bool>()) return member.at("kind");
  }
  return {};
}

std::string mtu_told(const Json& icmp) {
  const Json& mtu = icmp.at("mtu");
  return mtu.is_null() ? std::string{} : fmt::format(", MTU {},", mtu.get<unsigned>());
}

std::string verdict_lines(const Json& data) {
  const std::string& verdict = word(data, "verdict");
  if (verdict == "forwarded") {
    const Json& fragments = data.at("fragments");
    return fmt::format(
        "forwarded: leaves by {}{}\n", word(data, "egress"),
        fragments.is_null() ? "" : fmt::format(" in {} fragments", fragments.get<unsigned>()));
  }
  if (verdict == "delivered") {
    return fmt::format("delivered to the kernel by {}, as class {}\n", word(data, "egress"),
                       word(data, "punt_class"));
  }
  if (verdict == "waits") {
    return fmt::format(
        "waits: the MAC address of the {} on {} is asked for; a second without an answer, and it "
        "is "
        "dropped\n",
        chosen_kind(data) == "glean" ? "destination" : "next hop", word(data, "egress"));
  }
  const Json& drop = data.at("drop");
  std::string text = fmt::format("dropped: {}: {}\n", word(drop, "reason"), word(drop, "help"));
  const Json& icmp = drop.at("icmp");
  text += icmp.is_null()
              ? std::string{"the sender is not told\n"}
              : fmt::format("the sender is told by ICMP type {} code {}{} from {}\n",
                            icmp.at("type").get<unsigned>(), icmp.at("code").get<unsigned>(),
                            mtu_told(icmp), word(icmp, "from"));
  return text;
}

std::string route_lines(const Json& data) {
  const Json& path = data.at("path");
  if (path.is_null()) {
    const bool asked =
        !data.at("group").is_null() ||
        (!data.at("drop").is_null() && word(data.at("drop"), "reason") == "no-route");
    return explained("route", asked ? "none" : "not asked for: it does not get so far");
  }
  std::string text = fmt::format("{}, {}", word(data, "prefix"), word(path, "source"));
  if (const std::string& neighbor = word(path, "neighbor"); !neighbor.empty()) {
    text += " from " + neighbor;
  }
  if (const std::string& as_path = word(path, "as_path"); !as_path.empty()) {
    text += ", AS path " + as_path;
  }
  std::string out = explained("route", text);
  const std::string& reason = word(path, "reason");
  if (!reason.empty()) {
    out += explained(
        "", fmt::format("{}{}", path.at("backup").get<bool>() ? "a backup; " : "", reason));
  }
  return out;
}

std::string choice_text(const Json& group) {
  const std::string& choice = word(group, "choice");
  const auto id = group.at("id").get<unsigned>();
  if (choice == "none") return fmt::format("nobody in group {} is alive", id);
  if (choice == "backup") return fmt::format("all members of group {} are dead: a backup", id);
  if (choice == "only") return fmt::format("the only member of group {}", id);
  const Json& hash = group.at("hash");
  return fmt::format("group {}, {}bucket {} of {}{}", id,
                     hash.is_null() ? "" : fmt::format("hash {:08x}, ", hash.get<std::uint32_t>()),
                     group.at("bucket").get<unsigned>(), group.at("buckets").get<unsigned>(),
                     choice == "repair" ? ", whose next hop is dead: another live member" : "");
}

std::string member_table(const Json& group) {
  constexpr auto kRightAligned = Align::kRight;
  TextTable table{{{""},
                   {"ID", kRightAligned},
                   {"PORT"},
                   {"NEIGHBOR"},
                   {"MAC"},
                   {"KIND"},
                   {"WEIGHT", kRightAligned},
                   {"BUCKETS", kRightAligned},
                   {"STATE"}}};
  const auto or_dash = [](const Json& value) {
    if (value.is_number()) return fmt::format("{}", value.get<std::uint64_t>());
    return value.is_string() && !value.get_ref<const std::string&>().empty()
               ? value.get<std::string>()
               : std::string{"-"};
  };
  for (const Json& member : group.at("members")) {
    std::string state = member.at("alive").get<bool>() ? "alive" : "dead:";
    for (const Json& cause : member.at("down")) state += " " + cause.get<std::string>();
    if (member.at("backup").get<bool>()) state = "backup, " + state;
    table.add({member.at("chosen").get<bool>() ? ">" : "", or_dash(member.at("next_hop")),
               or_dash(member.at("port")), or_dash(member.at("address")), or_dash(member.at("mac")),
               member.at("kind"), or_dash(member.at("weight")), or_dash(member.at("buckets")),
               std::move(state)});
  }
  return table.text();
}

std::string rewrite_lines(const Json& data) {
  std::string out;
  if (const Json& rewrite = data.at("rewrite"); !rewrite.is_null()) {
    std::string text =
        fmt::format("{} -> {}", word(rewrite, "source"), word(rewrite, "destination"));
    for (const Json& vlan : rewrite.at("vlans")) {
      text += fmt::format(", {} VLAN {}", word(vlan, "protocol"), vlan.at("id").get<unsigned>());
    }
    text += fmt::format(", EtherType {}", word(rewrite, "ethertype"));
    const auto hops = rewrite.at("hops_spent").get<unsigned>();
    text += hops == 0 ? ", TTL as it is" : fmt::format(", TTL less {}", hops);
    out += explained("rewrite", text);
  }
  if (const Json& mtu = data.at("mtu"); !mtu.is_null()) {
    out += explained("MTU", fmt::format("{}", mtu.get<unsigned>()));
  }
  return out;
}

std::string notes(const Json& data) {
  std::string out;
  const Json& flow = data.at("flow");
  const auto is_zero = [&](const char* key) {
    return flow.at(key).is_number() && flow.at(key).get<unsigned>() == 0;
  };
  if (!data.at("group").is_null() && data.at("group").at("hash").is_number() &&
      is_zero("source_port") && is_zero("destination_port")) {
    out += explained("note", "ports were not given: the hash is that of ports 0");
  }
  const auto ingress_mtu = data.at("ingress_mtu").get<unsigned>();
  if (const Json& length = flow.at("length");
      !length.is_null() && length.get<unsigned>() > ingress_mtu) {
    out += explained("note", fmt::format("longer than the MTU of {}, which is {}: such a packet "
                                         "hardly gets so far",
                                         word(data, "ingress"), ingress_mtu));
  }
  if (!data.at("current").get<bool>()) {
    out += explained("note", "a change of routes is on its way into the forwarding tables");
  }
  if (data.at("maybe_bfd").get<bool>()) {
    out +=
        explained("note", "a BFD session of the router's, if it is one's packet, takes it first");
  }
  return out;
}

}  // namespace

std::string render_trace(const Json& data) {
  std::string out = flow_line(data) + verdict_lines(data) + '\n' + route_lines(data);
  const Json& group = data.at("group");
  if (!group.is_null()) out += explained("choice", choice_text(group));
  out += rewrite_lines(data) + notes(data);
  if (!group.is_null()) out += '\n' + member_table(group);
  return out;
}

}  // namespace lastmile::cli

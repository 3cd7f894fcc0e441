#include "tests/conformance/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace lastmile::test {
namespace {

[[noreturn]] void complain(std::string_view what, std::string_view about) {
  throw std::runtime_error(fmt::format("{}: \"{}\"", what, about));
}

unsigned number(std::string_view text, int base = 10) {
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data(), end, value, base).ptr != end || text.empty()) {
    complain("not a number", text);
  }
  return value;
}

Bytes hex(std::string_view text) {
  if (text.size() % 2 != 0) complain("half a byte", text);
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(number(text.substr(i, 2), 16)));
  }
  return bytes;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// Two halves of "A/B" or "A,B".
std::pair<unsigned, unsigned> pair(std::string_view text, char between) {
  const std::size_t at = text.find(between);
  if (at == std::string_view::npos) complain("not a pair", text);
  return {number(text.substr(0, at)), number(text.substr(at + 1))};
}

Outcome read_outcome(const std::vector<std::string>& words) {
  Outcome outcome;
  auto word = words.begin();
  const auto next = [&]() -> const std::string& {
    if (word == words.end()) complain("too short an outcome", words.empty() ? "" : words.back());
    return *word++;
  };
  const std::string& kind = next();
  using Kind = Outcome::Kind;
  if (kind == "forward" || kind == "local") {
    outcome.kind = kind == "forward" ? Kind::kForward : Kind::kLocal;
    outcome.port = next();
  } else if (kind == "drop") {
    outcome.reason = next();
  } else if (kind == "host" || kind == "twin") {
    outcome.kind = kind == "host" ? Kind::kHost : Kind::kTwin;
  } else {
    complain("not an outcome", kind);
  }
  while (word != words.end()) {
    const std::string& more = next();
    if (more == "fragments") {
      outcome.fragments = true;
    } else if (more == "limited") {
      outcome.limited = true;
    } else if (more == "later") {
      outcome.later = true;
    } else if (more == "error") {
      const auto [type, code] = pair(next(), '/');
      outcome.error = {static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code), 0};
    } else if (more.starts_with("mtu=") && outcome.error) {
      outcome.error->word = number(more.substr(4));
    } else if (more.starts_with("at=") && outcome.error) {
      outcome.error->word = number(more.substr(3)) << 24U;
    } else if (more == "answers") {
      next();  // there is no kernel here
    } else {
      complain("not an outcome", more);
    }
  }
  return outcome;
}

Row read_row(const std::string& line) {
  std::vector<std::string> columns;
  std::istringstream stream{line};
  for (std::string column; std::getline(stream, column, '|');) columns.push_back(column);
  if (columns.size() != 5) complain("not five columns", line);
  Row row;
  row.name = words_of(columns[0]).at(0);
  row.clause = fmt::format("{}", fmt::join(words_of(columns[1]), " "));
  row.port = words_of(columns[2]).at(0);
  row.packet = words_of(columns[3]);
  row.outcome = read_outcome(words_of(columns[4]));
  for (const std::string& word : row.packet) {
    if (word.starts_with("x=")) row.copies = number(word.substr(2));
  }
  return row;
}

void read_line(const std::string& line, Table& table) {
  if (line.find('|') != std::string::npos) return table.rows.push_back(read_row(line));
  const std::vector<std::string> words = words_of(line);
  if (words.size() < 2) complain("not a row", line);
  if (words[0] == "port" && words.size() == 6) {
    std::copy_n(words.begin() + 2, 4, table.ordinary[words[1]].begin());
  } else if (words[0] == "neighbor") {
    for (std::size_t i = 2; i < words.size(); ++i) {
      table.neighbors[words[1]].insert(parse_ip_address(words[i]).value());
    }
  } else if (words[0] == "down") {
    table.down.insert(words[1]);
  } else {
    complain("not a row", line);
  }
}

// ---- packets

/// The words of a packet, put together once all of them are known: checksums and sizes depend on
/// one another.
class Frame {
 public:
  Frame(const Table::Ordinary& ordinary, const MacAddress& port, const MacAddress& station)
      : port_(port), station_(station), ordinary_(ordinary) {}

  void take(const std::string& word) {
    if (word == "ip4" || word == "ip6") {
      v6_ = word == "ip6";
      source_ = ordinary_[v6_ ? 1 : 0];
      destination_ = ordinary_[v6_ ? 3 : 2];
      return;
    }
    if (word == "df") return static_cast<void>(packet_.dont_fragment());
    if (word == "mf") return static_cast<void>(packet_.more_fragments());
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) complain("not a word of a packet", word);
    set(word.substr(0, equals), word.substr(equals + 1));
  }

  Bytes bytes() {
    if (v6_) {
      packet_.ipv6(source_, destination_);
    } else {
      packet_.ipv4(source_, destination_);
    }
    if (!kind_) set("udp", "1000,2000");
    const std::size_t header = v6_ ? 40 : 20 + options_;
    std::size_t more = counted_.value_or(kind_ == Kind::kUnknown ? 0 : 18);
    if (size_ != 0) more = size_ - header - message_.size();
    for (std::size_t i = 0; i < more; ++i) message_.push_back(static_cast<std::uint8_t>(i));
    fill_in_transport();
    return packet_.eth(destination_mac(), station_).payload(message_).bytes();
  }

 private:
  enum class Kind : std::uint8_t { kUdp, kTcp, kIcmp, kUnknown };

  void set(const std::string& key, const std::string& value) {
    if (key == "eth") {
      ethernet_ = value;
    } else if (key == "type") {
      packet_.ethertype(static_cast<std::uint16_t>(number(value, 16)));
    } else if (key == "src") {
      source_ = value;
    } else if (key == "dst") {
      destination_ = value;
    } else if (key == "ttl") {
      packet_.ttl(static_cast<std::uint8_t>(number(value)));
    } else if (key == "tos") {
      packet_.traffic_class(static_cast<std::uint8_t>(number(value, 16)));
    } else if (key == "flow") {
      packet_.flow_label(number(value, 16));
    } else if (key == "ver") {
      packet_.version(static_cast<std::uint8_t>(number(value)));
    } else if (key == "ihl") {
      packet_.header_words(static_cast<std::uint8_t>(number(value)));
    } else if (key == "len") {
      packet_.total_length(static_cast<std::uint16_t>(number(value)));
    } else if (key == "sum" && value == "bad") {
      packet_.bad_checksum();
    } else if (key == "off") {
      packet_.fragment_offset(static_cast<std::uint16_t>(number(value)));
    } else if (key == "opt") {
      const Bytes bytes = hex(value);
      options_ = (bytes.size() + 3) / 4 * 4;
      packet_.options(bytes);
    } else if (key == "pad") {
      packet_.padded_to(number(value));
    } else if (key == "cut") {
      packet_.cut_to(number(value));
    } else if (key == "pay") {
      counted_ = number(value);
    } else if (key == "size") {
      size_ = number(value);
    } else if (key == "raw") {
      const Bytes bytes = hex(value);
      message_.insert(message_.end(), bytes.begin(), bytes.end());
    } else if (key != "x") {
      set_transport(key, value);
    }
  }

  void set_transport(const std::string& key, const std::string& value) {
    const auto begin = [&](Kind kind, std::uint8_t protocol, std::size_t header) {
      kind_ = kind;
      protocol_ = protocol;
      packet_.protocol(protocol);
      message_.resize(header);
    };
    if (key == "udp" || key == "tcp") {
      const auto [from, to] = pair(value, ',');
      begin(key == "udp" ? Kind::kUdp : Kind::kTcp, key == "udp" ? 17 : 6, key == "udp" ? 8 : 20);
      store_be16(message_.data(), static_cast<std::uint16_t>(from));
      store_be16(message_.data() + 2, static_cast<std::uint16_t>(to));
      if (key == "tcp") message_[12] = 5U << 4U;
    } else if (key == "icmp") {
      begin(Kind::kIcmp, v6_ ? 58 : 1, 8);
      message_[0] = static_cast<std::uint8_t>(number(value));
    } else if (key == "next") {
      begin(Kind::kUnknown, static_cast<std::uint8_t>(number(value)), 0);
    } else {
      complain("not a word of a packet", key);
    }
  }

  /// Length and checksum, so that the kernel takes what is for it.
  void fill_in_transport() {
    const auto length = static_cast<std::uint16_t>(message_.size());
    if (kind_ == Kind::kUdp) store_be16(message_.data() + 4, length);
    const std::size_t at = kind_ == Kind::kIcmp ? 2 : kind_ == Kind::kUdp ? 6 : 16;
    if (kind_ == Kind::kUnknown) return;
    std::uint32_t pseudo = 0;
    if (v6_) {
      Bytes addresses;
      for (const std::string& text : {source_, destination_}) {
        const auto address = ip6(text).bytes();
        addresses.insert(addresses.end(), address.begin(), address.end());
      }
      pseudo = ones_complement_sum(addresses) + raw16(length) + raw16(protocol_);
    } else if (kind_ != Kind::kIcmp) {
      Bytes addresses;
      for (const std::string& text : {source_, destination_}) {
        const auto address = ip4(text).to_wire();
        addresses.insert(addresses.end(), address.begin(), address.end());
      }
      pseudo = ones_complement_sum(addresses) + raw16(length) + raw16(protocol_);
    }
    const auto sum = static_cast<std::uint16_t>(~ones_complement_sum(message_, pseudo));
    store_raw(message_.data() + at, sum);
  }

  [[nodiscard]] MacAddress destination_mac() const {
    if (ethernet_.empty()) return port_;
    if (ethernet_ == "broadcast") return kBroadcastMac;
    if (ethernet_ == "other") return MacAddress{{0x02, 0, 0, 0, 9, 9}};
    if (ethernet_ != "multicast") complain("not an Ethernet destination", ethernet_);
    return v6_ ? MacAddress{{0x33, 0x33, 0, 0, 0, 1}} : MacAddress{{0x01, 0, 0x5e, 0, 0, 5}};
  }

  const MacAddress port_, station_;
  const Table::Ordinary& ordinary_;
  Packet packet_;
  bool v6_ = false;
  std::string source_, destination_, ethernet_;
  std::optional<Kind> kind_;
  std::uint8_t protocol_ = 0;
  std::size_t options_ = 0, size_ = 0;
  std::optional<std::size_t> counted_;
  Bytes message_;
};

}  // namespace

Table read_table(const std::string& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error(path + ": can't open");
  Table table;
  unsigned number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    try {
      read_line(line, table);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", path, number, error.what()));
    }
  }
  return table;
}

Bytes build_frame(const Table& table, const Row& row, const MacAddress& port,
                  const MacAddress& station) {
  Frame frame{table.ordinary.at(row.port), port, station};
  for (const std::string& word : row.packet) frame.take(word);
  return frame.bytes();
}

}  // namespace lastmile::test

// How values stand in the payload of a frame. Each type lists its fields once, and the list is used
// to write and to read:
//
//   FieldWriter out(payload);      FieldReader in(payload);
//   out(event.at, event.what);     in(event.at, event.what);   if (!in.good()) ...
//
// Numbers are of variable length, seven bits a byte, the lowest first. Nothing here knows of files.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/event/event.h"

namespace lastmile::record {

template <class T, class... Ts>
concept OneOf = (std::same_as<T, Ts> || ...);
/// One of these, const or not: who writes has const ones.
template <class T, class... Ts>
concept Is = OneOf<std::remove_const_t<T>, Ts...>;

class FieldWriter {
 public:
  static constexpr bool kReads = false;
  explicit FieldWriter(std::string& out) : out_(out) {}

  template <class... Ts>
  void operator()(const Ts&... values) {
    (one(values), ...);
  }

  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void bytes(const void* data, std::size_t size) {
    out_.append(static_cast<const char*>(data), size);
  }

 private:
  template <class T>
  void one(const T& value);

  std::string& out_;
};

/// Once something does not fit, good() is false and every value read is empty.
class FieldReader {
 public:
  static constexpr bool kReads = true;
  explicit FieldReader(std::string_view in) : in_(in) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (one(values), ...);
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(in_.front());
      in_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    in_ = {};
    return 0;
  }
  void bytes(void* data, std::size_t size) {
    if (in_.size() < size) {
      good_ = false;
      in_ = {};
      return;
    }
    in_.copy(static_cast<char*>(data), size);
    in_.remove_prefix(size);
  }
  /// A length that can be true.
  std::size_t length() {
    const std::uint64_t value = number();
    if (value <= in_.size()) return static_cast<std::size_t>(value);
    good_ = false;
    in_ = {};
    return 0;
  }
  void spoil() { good_ = false; }
  /// A time or a length of time that can be true, in units of `Span`.
  template <class Span>
  Span span() {
    constexpr auto kLongest = std::chrono::duration_cast<Span>(std::chrono::hours{24 * 36525});
    const std::uint64_t count = number();
    if (count <= static_cast<std::uint64_t>(kLongest.count())) {
      return Span{static_cast<typename Span::rep>(count)};
    }
    good_ = false;
    return Span{};
  }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool empty() const { return in_.empty(); }

 private:
  template <class T>
  void one(T& value);

  std::string_view in_;
  bool good_ = true;
};

// --- the fields of each type ---------------------------------------------------------------------

template <class Io, Is<Endpoint> V>
void fields(Io& io, V& v) {
  io(v.address, v.tcp_port, v.port);
}
template <class Io, Is<ConnectionOpened, ConnectionAccepted> V>
void fields(Io& io, V& v) {
  io(v.connection, v.local, v.remote);
}
template <class Io, Is<ConnectionFailed, ConnectionClosed> V>
void fields(Io& io, V& v) {
  io(v.connection, v.reason);
}
template <class Io, Is<BytesReceived> V>
void fields(Io& io, V& v) {
  io(v.connection, v.bytes);
}
template <class Io, Is<SendDrained> V>
void fields(Io& io, V& v) {
  io(v.connection);
}
template <class Io, Is<TimerKey> V>
void fields(Io& io, V& v) {
  io(v.kind, v.owner);
}
template <class Io, Is<TimerExpired> V>
void fields(Io& io, V& v) {
  io(v.timer);
}
template <class Io, Is<LinkChanged> V>
void fields(Io& io, V& v) {
  io(v.port, v.state);
}
template <class Io, Is<LinkLayerNeighborChanged> V>
void fields(Io& io, V& v) {
  io(v.port, v.address, v.mac, v.freshness);
}
template <class Io, Is<RouterAdvertisementHeard> V>
void fields(Io& io, V& v) {
  io(v.port, v.source, v.source_link_layer, v.router_lifetime);
}
template <class Io, Is<RouterSolicitationHeard> V>
void fields(Io& io, V& v) {
  io(v.port, v.source);
}
template <class Io, Is<FibProgressed> V>
void fields(Io&, V&) {}
template <class Io, Is<ResolutionWanted> V>
void fields(Io& io, V& v) {
  io(v.port, v.next_hop, v.destination);
}
template <class Io, Is<bfd::StateChanged> V>
void fields(Io& io, V& v) {
  io(v.session, v.discriminator, v.state, v.diagnostic, v.remote_state, v.failures, v.ambiguous,
     v.at);
}
template <class Io, Is<ServiceChecked> V>
void fields(Io& io, V& v) {
  io(v.service, v.run, v.outcome, v.detail, v.took);
}
template <class Io, Is<CommandReceived> V>
void fields(Io& io, V& v) {
  io(v.command, v.request);
}

// --- values
// ----------------------------------------------------------------------------------------

namespace detail {
template <class T>
struct IsStrongId : std::false_type {};
template <class Tag, class Rep>
struct IsStrongId<StrongId<Tag, Rep>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsDuration : std::false_type {};
template <class Rep, class Period>
struct IsDuration<std::chrono::duration<Rep, Period>> : std::true_type {};
template <class T>
struct IsVariant : std::false_type {};
template <class... Ts>
struct IsVariant<std::variant<Ts...>> : std::true_type {};
}  // namespace detail

template <class T>
void FieldWriter::one(const T& value) {
  if constexpr (detail::IsStrongId<T>::value) {
    number(value.value());
  } else if constexpr (std::is_enum_v<T>) {
    number(static_cast<std::uint64_t>(value));
  } else if constexpr (std::unsigned_integral<T>) {
    number(value);
  } else if constexpr (OneOf<T, TimePoint, bfd::Instant>) {
    number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  } else if constexpr (detail::IsDuration<T>::value) {
    number(static_cast<std::uint64_t>(value.count()));
  } else if constexpr (std::same_as<T, Ipv4Address>) {
    const auto wire = value.to_wire();
    bytes(wire.data(), wire.size());
  } else if constexpr (OneOf<T, Ipv6Address, MacAddress>) {
    bytes(value.bytes().data(), value.bytes().size());
  } else if constexpr (OneOf<T, Ipv4Prefix, Ipv6Prefix>) {
    one(value.address());
    number(value.length());
  } else if constexpr (OneOf<T, std::string, std::vector<std::uint8_t>>) {
    number(value.size());
    bytes(value.data(), value.size());
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    number(value.size());
    for (const auto& [key, text] : value) (*this)(key, text);
  } else if constexpr (detail::IsVector<T>::value) {
    number(value.size());
    for (const auto& element : value) one(element);
  } else if constexpr (detail::IsOptional<T>::value) {
    number(value.has_value() ? 1 : 0);
    if (value) one(*value);
  } else if constexpr (detail::IsVariant<T>::value) {
    number(value.index());
    std::visit([this](const auto& alternative) { this->one(alternative); }, value);
  } else {
    fields(*this, value);
  }
}

template <class T>
void FieldReader::one(T& value) {
  if constexpr (detail::IsStrongId<T>::value) {
    value = T{static_cast<typename T::Representation>(number())};
  } else if constexpr (std::is_enum_v<T> || std::unsigned_integral<T>) {
    value = static_cast<T>(number());
  } else if constexpr (OneOf<T, TimePoint, bfd::Instant>) {
    value = T{span<typename T::duration>()};
  } else if constexpr (detail::IsDuration<T>::value) {
    value = span<T>();
  } else if constexpr (std::same_as<T, Ipv4Address>) {
    std::array<std::uint8_t, 4> wire{};
    bytes(wire.data(), wire.size());
    value = Ipv4Address::from_wire(wire);
  } else if constexpr (OneOf<T, Ipv6Address, MacAddress>) {
    typename T::Bytes wire{};
    bytes(wire.data(), wire.size());
    value = T{wire};
  } else if constexpr (OneOf<T, Ipv4Prefix, Ipv6Prefix>) {
    std::remove_cvref_t<decltype(value.address())> address;
    one(address);
    const std::uint64_t bits = number();
    if (bits > decltype(address)::kBits) return spoil();
    value = T{address, static_cast<unsigned>(bits)};
  } else if constexpr (OneOf<T, std::string, std::vector<std::uint8_t>>) {
    value.resize(length());
    bytes(value.data(), value.size());
  } else if constexpr (std::same_as<T, std::map<std::string, std::string>>) {
    value.clear();
    for (std::size_t left = length(); left > 0 && good_; --left) {
      std::string key, text;
      (*this)(key, text);
      value.emplace(std::move(key), std::move(text));
    }
  } else if constexpr (detail::IsVector<T>::value) {
    value.clear();
    for (std::size_t left = length(); left > 0 && good_; --left) one(value.emplace_back());
  } else if constexpr (detail::IsOptional<T>::value) {
    value.reset();
    if (number() != 0) one(value.emplace());
  } else if constexpr (detail::IsVariant<T>::value) {
    const std::uint64_t index = number();
    if (index >= std::variant_size_v<T>) return spoil();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((index == I ? one(value.template emplace<I>()) : void()), ...);
    }
    (std::make_index_sequence<std::variant_size_v<T>>{});
  } else {
    fields(*this, value);
  }
}

}  // namespace lastmile::record

#include "controlplane/config/schema_by_subject.h"

#include "controlplane/config/address_types.h"
#include "controlplane/config/policy_types.h"
#include "controlplane/config/time_types.h"

namespace lastmile::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr std::size_t kMaxServices = 1024;
constexpr std::size_t kMaxWords = 64;
constexpr std::size_t kMaxCommunities = 32;
constexpr unsigned kMostInARow = 100;
constexpr std::uint64_t kFirstStatus = 100;
constexpr std::uint64_t kLastStatus = 599;

/// "200" or "200-399".
Type<StatusRange> status_range() {
  return {
      "a status code such as 200, or a range such as 200-399",
      [](std::string_view text, const Scope&) -> tl::expected<StatusRange, Fault> {
        const std::size_t dash = text.find('-');
        const auto first = parse_decimal(text.substr(0, dash));
        const auto last =
            dash == std::string_view::npos ? first : parse_decimal(text.substr(dash + 1));
        if (!first || !last || *first < kFirstStatus || *last > kLastStatus || *first > *last) {
          return fault("is no range of status codes");
        }
        return StatusRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
      }};
}

/// Where a server may listen: 127.0.0.1 too.
Type<IpAddress> any_host() {
  return {"an IPv4 or IPv6 address",
          [](std::string_view text, const Scope&) -> tl::expected<IpAddress, Fault> {
            const auto address = parse_ip_address(text);
            if (!address) return fault("is not an address");
            return *address;
          }};
}

KeysOf<ServiceCheck> check_keys() {
  using Tls = ServiceCheck::Tls;
  const auto tcp_port = [] { return number<std::uint16_t>(1, 65535); };
  return {
      key("tcp", &ServiceCheck::tcp, tcp_port())
          .when_absent("this, http or exec is required")
          .help("Passes if a connection to this port is accepted."),
      key("http", &ServiceCheck::http, tcp_port())
          .when_absent("this, tcp or exec is required")
          .help("Passes if a GET request to this port is answered with status."),
      list("exec", &ServiceCheck::exec, text("a program or an argument of it", 255), kMaxWords)
          .when_absent("this, tcp or http is required")
          .help(
              "Passes if this program ends with exit status 0. It runs as system.user, without "
              "capabilities; "
              "after timeout it is killed with its process group (its children, unless they leave "
              "that by setsid). The first line that it prints is "
              "the reason in show services."),
      key("address", &ServiceCheck::address, any_host())
          .when_absent("the service's own")
          .help("Where tcp and http connect to."),
      key("path", &ServiceCheck::path, text("a path such as /health", 1024))
          .fallback("/")
          .help("What http asks for."),
      key("host", &ServiceCheck::host, text("a host name", 253))
          .when_absent("the address")
          .help("Host of the request, and with tls the name in the certificate."),
      key("status", &ServiceCheck::status, status_range())
          .fallback("200-299")
          .help("Status codes that pass."),
      key("tls", &ServiceCheck::tls,
          one_of<Tls>({{"off", Tls::kOff}, {"verify", Tls::kVerify}, {"insecure", Tls::kInsecure}}))
          .fallback("off")
          .help("verify: http speaks TLS and fails if the certificate is not valid for host; "
                "insecure: any certificate will do."),
      key("ca-file", &ServiceCheck::ca_file, text("the path of a file", 255))
          .when_absent("the system's")
          .help("Certificates that tls: verify trusts, in PEM form."),
      key("every", &ServiceCheck::every, duration(milliseconds{10}, hours{1}))
          .fallback("1s")
          .help("Between the starts of two checks."),
      key("timeout", &ServiceCheck::timeout, duration(milliseconds{1}, minutes{10}))
          .when_absent("500ms, or every if that is less")
          .help("A check that takes longer has failed; no longer than every."),
      key("rise", &ServiceCheck::rise, number<unsigned>(1, kMostInARow))
          .fallback("3")
          .help("So many checks in a row must pass before the service is announced."),
      key("fall", &ServiceCheck::fall, number<unsigned>(1, kMostInARow))
          .fallback("2")
          .help("After so many failures in a row it is announced no longer."),
  };
}

KeysOf<ServiceDegraded> degraded_keys() {
  return {
      key("med", &ServiceDegraded::med, number<std::uint32_t>(0, UINT32_MAX))
          .when_absent("none")
          .help("MULTI_EXIT_DISC: neighbors of one AS prefer the server that announces less."),
      list("communities", &ServiceDegraded::communities, community(), kMaxCommunities)
          .help("Such as graceful-shutdown (RFC 8326), for which leaves prefer any other server."),
  };
}

KeysOf<ServiceConfig> service_keys() {
  return {
      key("name", &ServiceConfig::name, text("a name", 64))
          .required()
          .help("For `lastmile service` and people."),
      key("address", &ServiceConfig::address, single_address())
          .required()
          .help("Announced beside the loopbacks, and live on the host interface. Several servers "
                "may announce the same address (anycast)."),
      section("check", &ServiceConfig::check, check_keys())
          .when_absent("announced always")
          .help("Health check: the service is announced only while it passes "
                "(docs/services.md)."),
      section("degraded", &ServiceConfig::degraded, degraded_keys())
          .when_absent("not announced while its check fails")
          .help("While its check fails the service is announced all the same, with these marks, so "
                "that traffic goes elsewhere if there is any other place."),
  };
}

}  // namespace

KeyOf<Config> services_key() {
  return sections("services", &Config::services, kMaxServices, service_keys())
      .help("Addresses that the server announces beside its loopbacks.");
}

}  // namespace lastmile::config

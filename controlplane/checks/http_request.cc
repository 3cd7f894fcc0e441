#include "controlplane/checks/http_request.h"

#include <fmt/format.h>

#include <new>

#include "controlplane/checks/attempt.h"
#include "dataplane/net/format.h"

namespace lastmile {
namespace {

/// The status stands in front of the body: so much of it is read that a server's ordinary answer
/// is not cut off, and no more.
constexpr std::size_t kMostBody = 64 * 1024;

/// An address as it stands in a URL.
std::string in_url(const IpAddress& address) {
  const bool v6 = std::holds_alternative<Ipv6Address>(address);
  return v6 ? fmt::format("[{}]", to_string(address)) : to_string(address);
}

}  // namespace

std::size_t HttpRequest::take_body(char* /*data*/, std::size_t size, std::size_t count,
                                   void* self) {
  auto& request = *static_cast<HttpRequest*>(self);
  request.body_ += size * count;
  return request.body_ > kMostBody ? 0 : size * count;
}

HttpRequest::HttpRequest(CURLM* multi, const ServiceCheck& how, const IpAddress& address)
    : multi_(multi), easy_(curl_easy_init()), status_(how.status) {
  if (easy_ == nullptr) throw std::bad_alloc{};
  const bool tls = how.tls != ServiceCheck::Tls::kOff;
  const bool verify = how.tls == ServiceCheck::Tls::kVerify;
  const auto set = [this](CURLoption option, auto value) {
    curl_easy_setopt(easy_, option, value);
  };
  const std::string host = how.host.empty() ? in_url(address) : how.host;
  const std::string url =
      fmt::format("{}://{}:{}{}", tls ? "https" : "http", host, how.http.value_or(0), how.path);
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  connect_to_ = curl_slist_append(
      nullptr, fmt::format("::{}:{}", in_url(address), how.http.value_or(0)).c_str());
  set(CURLOPT_CONNECT_TO, connect_to_);
  set(CURLOPT_PROXY, "");  // whatever the environment says
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_USERAGENT, "lastmile");
  set(CURLOPT_FRESH_CONNECT, 1L);  // that connections are accepted is a part of the check
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_WRITEFUNCTION, &HttpRequest::take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, error_.data());
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (!how.ca_file.empty()) set(CURLOPT_CAINFO, how.ca_file.c_str());
  curl_multi_add_handle(multi_, easy_);
}

HttpRequest::~HttpRequest() {
  curl_multi_remove_handle(multi_, easy_);
  curl_easy_cleanup(easy_);
  curl_slist_free_all(connect_to_);
}

CheckResult HttpRequest::result(CURLcode code) const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  const bool cut_by_us = code == CURLE_WRITE_ERROR && body_ > kMostBody;
  if (code != CURLE_OK && !cut_by_us) {
    return {CheckOutcome::kFailed,
            first_line(error_[0] != '\0' ? error_.data() : curl_easy_strerror(code))};
  }
  const bool expected = status >= status_.first && status <= status_.last;
  return {expected ? CheckOutcome::kPassed : CheckOutcome::kFailed, fmt::format("HTTP {}", status)};
}

}  // namespace lastmile

// An HTTP check as libcurl carries it out.
//
// Who uses it: the runner's thread.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>

#include "controlplane/checks/attempt.h"

namespace lastmile {

class HttpRequest {
 public:
  /// Goes to `address`, whatever the host's name; nothing is resolved.
  HttpRequest(CURLM* multi, const ServiceCheck& how, const IpAddress& address);
  ~HttpRequest();
  HttpRequest(const HttpRequest&) = delete;
  HttpRequest& operator=(const HttpRequest&) = delete;

  [[nodiscard]] CURL* handle() const { return easy_; }
  /// What the end of the transfer means.
  [[nodiscard]] CheckResult result(CURLcode code) const;

 private:
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);

  CURLM* multi_;
  CURL* easy_;
  StatusRange status_;
  curl_slist* connect_to_ = nullptr;
  std::size_t body_ = 0;  ///< bytes of it that came
  std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace lastmile

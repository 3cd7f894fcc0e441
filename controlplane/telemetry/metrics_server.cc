#include "controlplane/telemetry/metrics_server.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "controlplane/io/socket_file.h"
#include "dataplane/net/format.h"

namespace lastmile {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;

namespace {

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kFrontPage = "Lastmile: metrics are at /metrics\n";
constexpr std::chrono::milliseconds kAcceptPause{100};

std::string name_of(const MetricsListener& listener) {
  if (!listener.socket.empty()) return listener.socket;
  return std::holds_alternative<Ipv6Address>(listener.address)
             ? fmt::format("[{}]:{}", listener.address, listener.port)
             : fmt::format("{}:{}", listener.address, listener.port);
}

asio::ip::tcp::endpoint endpoint_of(const MetricsListener& listener) {
  const auto address = asio::ip::make_address(to_string(listener.address));
  return {address, listener.port};
}

}  // namespace

// Owned by the server and, while an operation is under way, by its completion handler. After
// close() every handler finds the server closed and does nothing.
class MetricsServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Options options, Render render)
      : io_(io), options_(std::move(options)), render_(std::move(render)) {}

  tl::expected<void, std::string> listen();
  void close();
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

 private:
  class Client;
  using ClientPtr = std::shared_ptr<Client>;

  /// A listening socket of either kind.
  template <class Protocol>
  struct Listener {
    Listener(asio::io_context& io) : acceptor(io), pause(io) {}
    typename Protocol::acceptor acceptor;
    asio::steady_timer pause;
    std::optional<SocketFile> file;
  };
  using Tcp = Listener<asio::ip::tcp>;
  using Local = Listener<asio::local::stream_protocol>;

  tl::expected<void, std::string> open_tcp(const MetricsListener& where);
  tl::expected<void, std::string> open_local(const MetricsListener& where);
  template <class Protocol>
  void accept(Listener<Protocol>& listener);
  void accepted(Socket socket);
  const std::string& text(MetricsFormat format);

  struct Cached {
    std::string text;
    std::chrono::steady_clock::time_point made;
    bool any = false;
  };

  asio::io_context& io_;
  Options options_;
  Render render_;
  std::vector<std::unique_ptr<Tcp>> tcp_;
  std::vector<std::unique_ptr<Local>> local_;
  std::set<ClientPtr> clients_;
  std::array<Cached, 2> cache_;  ///< by format
  bool closed_ = false;
};

/// A connection: reads a request, answers it, and so on.
class MetricsServer::Impl::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Impl& server, Socket socket)
      : server_(server), socket_(std::move(socket)), deadline_(server.io_) {}

  void read();
  void close();

 private:
  using Parser = http::request_parser<http::empty_body>;

  void answer(const http::request<http::empty_body>& request);
  void refuse(http::status status);
  void respond(http::response<http::string_body> response);
  void arm(std::chrono::milliseconds patience);

  Impl& server_;  // outlives us: close() is called before it goes, and handlers check closed_
  Socket socket_;
  asio::steady_timer deadline_;
  boost::beast::flat_buffer input_;
  std::optional<Parser> parser_;
  http::response<http::string_body> response_;
  bool closed_ = false;
};

void MetricsServer::Impl::Client::arm(std::chrono::milliseconds patience) {
  deadline_.expires_after(patience);
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->closed_) self->close();
  });
}

void MetricsServer::Impl::Client::read() {
  arm(server_.options_.idle_timeout);
  input_.max_size(server_.options_.max_header);
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(server_.options_.max_header));
  parser_->body_limit(std::uint64_t{0});
  http::async_read(
      socket_, input_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
        if (self->closed_) return;
        if (!error) return self->answer(self->parser_->get());
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
          return self->refuse(http::status::request_header_fields_too_large);
        }
        if (error == http::error::body_limit || error == http::error::unexpected_body) {
          return self->refuse(http::status::payload_too_large);
        }
        if (error.category() == make_error_code(http::error::bad_method).category() &&
            error != http::error::end_of_stream && error != http::error::partial_message) {
          return self->refuse(http::status::bad_request);
        }
        self->close();
      });
}

void MetricsServer::Impl::Client::refuse(http::status status) {
  http::response<http::string_body> response{status, 11};
  response.keep_alive(false);
  respond(std::move(response));
}

void MetricsServer::Impl::Client::answer(const http::request<http::empty_body>& request) {
  http::response<http::string_body> response{http::status::ok, request.version()};
  response.keep_alive(request.keep_alive());
  const std::string_view target{request.target().data(), request.target().size()};
  const std::string_view path = target.substr(0, target.find('?'));
  const bool head = request.method() == http::verb::head;
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  if (request.method() != http::verb::get && !head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
  } else if (path == "/metrics") {
    const auto accept = request[http::field::accept];
    const bool open = std::string_view{accept.data(), accept.size()}.find(
                          "application/openmetrics-text") != std::string_view::npos;
    const MetricsFormat format = open ? MetricsFormat::kOpenMetrics : MetricsFormat::kPrometheus;
    const std::string_view type = content_type(format);
    response.set(http::field::content_type, boost::beast::string_view{type.data(), type.size()});
    try {
      response.body() = server_.text(format);
    } catch (const std::bad_alloc&) {  // of a big text; nothing of the router's is hurt
      return refuse(http::status::service_unavailable);
    }
  } else if (path == "/") {
    response.body() = kFrontPage;
  } else {
    response.result(http::status::not_found);
  }
  response.prepare_payload();
  if (head) response.body().clear();  // the length stays
  respond(std::move(response));
}

void MetricsServer::Impl::Client::respond(http::response<http::string_body> response) {
  response_ = std::move(response);
  if (!response_.has_content_length()) response_.prepare_payload();
  arm(server_.options_.write_timeout);
  http::async_write(socket_, response_, [self = shared_from_this()](error_code error, std::size_t) {
    if (self->closed_) return;
    const bool again = self->response_.keep_alive();
    self->response_ = {};  // a big answer's memory goes with it
    if (error || !again) return self->close();
    self->read();
  });
}

void MetricsServer::Impl::Client::close() {
  if (std::exchange(closed_, true)) return;
  deadline_.cancel();
  error_code ignored;  // nothing is left to be done about a connection that can't be closed
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  server_.clients_.erase(shared_from_this());
}

const std::string& MetricsServer::Impl::text(MetricsFormat format) {
  Cached& cached = cache_[static_cast<std::size_t>(format)];
  const auto now = std::chrono::steady_clock::now();
  if (!cached.any || now - cached.made >= options_.reuse) {
    cached = {render_(format), now, true};
  }
  return cached.text;
}

template <class Protocol>
void MetricsServer::Impl::accept(Listener<Protocol>& listener) {
  listener.acceptor.async_accept(
      [self = shared_from_this(), &listener](error_code error, typename Protocol::socket socket) {
        if (self->closed_) return;
        if (!error) {
          self->accepted(Socket{std::move(socket)});
          return self->accept(listener);
        }
        // Out of descriptors, most likely. The connection stays in the backlog: pause, don't spin.
        listener.pause.expires_after(kAcceptPause);
        listener.pause.async_wait([self, &listener](error_code) {
          if (!self->closed_) self->accept(listener);
        });
      });
}

void MetricsServer::Impl::accepted(Socket socket) {
  if (clients_.size() >= options_.max_clients) {
    error_code ignored;  // a word if there is room for it, and no wait
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(kBusy.data(), kBusy.size()), 0, ignored);
    return;
  }
  const auto client = std::make_shared<Client>(*this, std::move(socket));
  clients_.insert(client);
  client->read();
}

tl::expected<void, std::string> MetricsServer::Impl::open_tcp(const MetricsListener& where) {
  auto listener = std::make_unique<Tcp>(io_);
  const auto endpoint = endpoint_of(where);
  error_code error;
  listener->acceptor.open(endpoint.protocol(), error);
  if (!error) listener->acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    listener->acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  if (!error) listener->acceptor.bind(endpoint, error);
  if (!error) listener->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return tl::unexpected(
        fmt::format("metrics at {}: can't listen: {}", name_of(where), error.message()));
  }
  accept(*listener);
  tcp_.push_back(std::move(listener));
  return {};
}

tl::expected<void, std::string> MetricsServer::Impl::open_local(const MetricsListener& where) {
  auto file = SocketFile::claim({where.socket, "metrics socket", "\"listen\" in \"telemetry\""},
                                options_.group);
  if (!file) return tl::unexpected(std::move(file.error()));
  auto listener = std::make_unique<Local>(io_);
  listener->acceptor.assign(asio::local::stream_protocol{}, file->release());
  listener->file.emplace(std::move(*file));
  accept(*listener);
  local_.push_back(std::move(listener));
  return {};
}

tl::expected<void, std::string> MetricsServer::Impl::listen() {
  for (const MetricsListener& where : options_.listen) {
    auto opened = where.socket.empty() ? open_tcp(where) : open_local(where);
    if (!opened) return opened;
  }
  return {};
}

void MetricsServer::Impl::close() {
  closed_ = true;
  error_code ignored;
  const auto end = [&ignored](auto& listeners) {
    for (auto& listener : listeners) {
      listener->acceptor.close(ignored);
      listener->pause.cancel();
      listener->file.reset();
    }
  };
  end(tcp_);
  end(local_);
  const std::set<ClientPtr> clients = std::move(clients_);
  clients_.clear();
  for (const ClientPtr& client : clients) client->close();
}

tl::expected<std::unique_ptr<MetricsServer>, std::string> MetricsServer::open(asio::io_context& io,
                                                                              Options options,
                                                                              Render render) {
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(render));
  auto server = std::unique_ptr<MetricsServer>{new MetricsServer{impl}};  // closes what was opened
  if (auto listening = impl->listen(); !listening) return tl::unexpected(listening.error());
  return server;
}

MetricsServer::MetricsServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() {
  impl_->close();
}

std::size_t MetricsServer::clients() const {
  return impl_->clients();
}

}  // namespace lastmile

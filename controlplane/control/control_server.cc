#include "controlplane/control/control_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "controlplane/control/access.h"
#include "controlplane/control/command_table.h"
#include "controlplane/io/socket_file.h"

namespace lastmile {

namespace asio = boost::asio;
using boost::system::error_code;
using Stream = asio::local::stream_protocol;

// Owned by the server and, while an operation is under way, by its completion handler. After
// close() every handler finds the server closed and does nothing.
class ControlServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Options options, AccessRules rules, Handler handler, SocketFile file)
      : io_(io),
        options_(std::move(options)),
        rules_(std::move(rules)),
        handler_(std::move(handler)),
        file_(std::make_unique<SocketFile>(std::move(file))),
        acceptor_(io, Stream{}, file_->release()),
        accept_pause_(io) {}

  void accept();
  void reply(CommandId command, std::string response);
  FileDescriptor give_away(CommandId command);
  [[nodiscard]] std::optional<std::string> refusal(CommandId command, std::string_view verb) const;
  void close();
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

 private:
  class Client;
  using ClientPtr = std::shared_ptr<Client>;

  /// Who waits for the answer to a command, no longer; nullptr if they have gone.
  ClientPtr take_waiting(CommandId command);
  void accepted(Stream::socket socket);

  asio::io_context& io_;
  Options options_;
  AccessRules rules_;
  Handler handler_;
  std::unique_ptr<SocketFile> file_;
  Stream::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  bool closed_ = false;
  std::uint64_t last_command_ = 0;
  std::set<ClientPtr> clients_;
  std::map<CommandId, ClientPtr> waiting_;
};

/// A connection: reads a request, waits for its response, writes it, and so on.
class ControlServer::Impl::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(Impl& server, Stream::socket socket, Peer peer)
      : server_(server),
        socket_(std::move(socket)),
        peer_(std::move(peer)),
        deadline_(server.io_) {}

  void read();
  void write(std::string response);
  /// The last words to a client that broke a rule.
  void refuse(std::string_view why);
  /// Closed for the server, and the connection lives on.
  FileDescriptor give_away();
  void close();
  [[nodiscard]] const Peer& peer() const { return peer_; }

 private:
  void received(std::size_t length);
  void arm(std::chrono::milliseconds patience);

  Impl& server_;  // outlives us: close() is called before it goes, and handlers check closed_
  Stream::socket socket_;
  const Peer peer_;
  asio::steady_timer deadline_;
  std::string input_;
  std::string output_;
  bool last_words_ = false;
  bool closed_ = false;
};

void ControlServer::Impl::Client::arm(std::chrono::milliseconds patience) {
  deadline_.expires_after(patience);
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->closed_) self->close();
  });
}

void ControlServer::Impl::Client::read() {
  arm(server_.options_.idle_timeout);
  auto buffer = asio::dynamic_buffer(input_, server_.options_.max_request);
  asio::async_read_until(
      socket_, buffer, '\n', [self = shared_from_this()](error_code error, std::size_t length) {
        if (self->closed_) return;
        if (!error) return self->received(length);
        if (error == asio::error::not_found) {
          return self->refuse(
              fmt::format("request is longer than {} bytes; expected one line of JSON",
                          self->server_.options_.max_request));
        }
        self->close();
      });
}

void ControlServer::Impl::Client::received(std::size_t length) {
  deadline_.cancel();  // from here on it is we who take time
  std::string request = input_.substr(0, length - 1);
  input_.erase(0, length);
  const CommandId command{++server_.last_command_};
  server_.waiting_.emplace(command, shared_from_this());
  server_.handler_(Event{ControlClock::now(), CommandReceived{command, std::move(request)}});
}

void ControlServer::Impl::Client::write(std::string response) {
  output_ = std::move(response);
  output_ += '\n';
  arm(server_.options_.write_timeout);
  asio::async_write(socket_, asio::buffer(output_),
                    [self = shared_from_this()](error_code error, std::size_t) {
                      if (self->closed_) return;
                      self->output_ = {};  // a big response's memory goes with it
                      if (error || self->last_words_) return self->close();
                      self->read();
                    });
}

void ControlServer::Impl::Client::refuse(std::string_view why) {
  last_words_ = true;
  input_ = {};
  write(error_response(why));
}

FileDescriptor ControlServer::Impl::Client::give_away() {
  error_code error;
  FileDescriptor connection{socket_.release(error)};
  close();
  return error ? FileDescriptor{} : std::move(connection);
}

void ControlServer::Impl::Client::close() {
  if (std::exchange(closed_, true)) return;
  deadline_.cancel();
  error_code ignored;  // nothing is left to be done about a connection that can't be closed
  socket_.close(ignored);
  server_.clients_.erase(shared_from_this());
}

void ControlServer::Impl::accept() {
  acceptor_.async_accept([self = shared_from_this()](error_code error, Stream::socket socket) {
    if (self->closed_) return;
    if (!error) {
      self->accepted(std::move(socket));
      return self->accept();
    }
    // Out of descriptors, most likely. The connection stays in the backlog: pause, don't spin.
    self->accept_pause_.expires_after(std::chrono::milliseconds{100});
    self->accept_pause_.async_wait([self](error_code) {
      if (!self->closed_) self->accept();
    });
  });
}

void ControlServer::Impl::accepted(Stream::socket socket) {
  const std::size_t others = clients_.size();
  auto peer = peer_of(socket.native_handle());
  const auto client =
      std::make_shared<Client>(*this, std::move(socket), peer ? std::move(*peer) : Peer{});
  clients_.insert(client);
  if (!peer) {
    return client->refuse(fmt::format("the kernel does not say who you are: {}", peer.error()));
  }
  // It was root when it opened the socket. The real user is whom it stays.
  rules_.router = ::getuid();
  const Access access = access_of(client->peer(), rules_);
  if (access == Access::kNone) {
    return client->refuse(lastmile::refusal(client->peer(), rules_));
  }
  if (others >= places_for(access, options_.max_clients)) {
    return client->refuse("too many clients; try again later");
  }
  client->read();
}

ControlServer::Impl::ClientPtr ControlServer::Impl::take_waiting(CommandId command) {
  const auto waiting = waiting_.find(command);
  if (waiting == waiting_.end()) return nullptr;
  ClientPtr client = std::move(waiting->second);
  waiting_.erase(waiting);
  return client;
}

void ControlServer::Impl::reply(CommandId command, std::string response) {
  if (const ClientPtr client = take_waiting(command)) client->write(std::move(response));
}

FileDescriptor ControlServer::Impl::give_away(CommandId command) {
  const ClientPtr client = take_waiting(command);
  return client ? client->give_away() : FileDescriptor{};
}

std::optional<std::string> ControlServer::Impl::refusal(CommandId command,
                                                        std::string_view verb) const {
  const auto waiting = waiting_.find(command);
  if (waiting == waiting_.end()) return std::nullopt;
  const Peer& peer = waiting->second->peer();
  if (access_of(peer, rules_) >= access_needed(verb)) return std::nullopt;
  return lastmile::refusal(peer, rules_, verb);
}

void ControlServer::Impl::close() {
  closed_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  waiting_.clear();
  const std::set<ClientPtr> clients = std::move(clients_);
  clients_.clear();
  for (const ClientPtr& client : clients) client->close();
  file_.reset();
}

tl::expected<std::unique_ptr<ControlServer>, std::string> ControlServer::open(asio::io_context& io,
                                                                              Options options,
                                                                              Handler handler) {
  const SocketPlace place{options.socket, "control socket", "\"socket\" in \"control\""};
  AccessRules rules{::geteuid(), options.group, options.read_group, {}, {}, {}};
  for (const auto& [name, key, number] :
       {std::tuple{&options.group, "group", &rules.group_id},
        std::tuple{&options.read_group, "read-group", &rules.read_group_id}}) {
    if (name->empty()) continue;
    const auto found = group_id(place, *name, key);
    if (!found) return tl::unexpected(found.error());
    *number = *found;
  }
  // A file has one group.
  const auto door = options.read_group.empty() ? SocketDoor::kGroup : SocketDoor::kEveryone;
  auto file = SocketFile::claim(place, options.group, door);
  if (!file) return tl::unexpected(std::move(file.error()));
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(rules), std::move(handler),
                                     std::move(*file));
  impl->accept();
  return std::unique_ptr<ControlServer>{new ControlServer{std::move(impl)}};
}

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() {
  impl_->close();
}

void ControlServer::reply(CommandId command, std::string response) {
  impl_->reply(command, std::move(response));
}

std::optional<std::string> ControlServer::refusal(CommandId command, std::string_view verb) const {
  return impl_->refusal(command, verb);
}

FileDescriptor ControlServer::give_away(CommandId command) {
  return impl_->give_away(command);
}

std::size_t ControlServer::clients() const {
  return impl_->clients();
}

}  // namespace lastmile

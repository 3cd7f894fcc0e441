#include "controlplane/io/asio_transport.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <deque>
#include <map>
#include <unordered_map>

#include "controlplane/io/read_pace.h"
#include "controlplane/io/tcp_socket.h"
#include "logging/log.h"

namespace lastmile {
namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

namespace {

/// Connections taken from a listener before others get their turn.
constexpr int kAcceptBurst = 16;
constexpr std::chrono::seconds kLinger{1};
/// Sockets that linger at once. Strangers that connect faster than that are cut off without
/// ceremony: they must not use up the descriptors that our peers need.
constexpr std::size_t kMaxLingering = 64;
constexpr std::chrono::seconds kAcceptPause{1};

struct Stream {
  enum class State : std::uint8_t { kConnecting, kOpen, kLingering, kGone };

  Stream(asio::io_context& context, ConnectionId connection, FileDescriptor descriptor,
         State initial)
      : id(connection), fd(context), linger(context), state(initial) {
    // Without a socket (it could not be made, or epoll won't have it) the first wait fails.
    error_code error;
    if (descriptor.get() >= 0) fd.assign(descriptor.get(), error);
    if (descriptor.get() >= 0 && !error) static_cast<void>(descriptor.release());
  }

  ConnectionId id;
  Descriptor fd;
  asio::steady_timer linger;
  State state;
  std::deque<std::vector<std::uint8_t>> queue;
  std::size_t front_sent = 0;  ///< of queue.front()
  std::size_t queued = 0;
  bool waiting_to_write = false;
  ReadPace pace;

  [[nodiscard]] int socket() { return fd.native_handle(); }
};
using StreamPtr = std::shared_ptr<Stream>;

struct Listener {
  Listener(asio::io_context& context, FileDescriptor descriptor)
      : fd(context, descriptor.release()), pause(context) {}
  Descriptor fd;
  asio::steady_timer pause;
};

/// 0: all taken, or the kernel's buffer is full; else an errno.
int flush(Stream& stream) {
  while (!stream.queue.empty()) {
    const auto& front = stream.queue.front();
    const ssize_t sent = ::send(stream.socket(), front.data() + stream.front_sent,
                                front.size() - stream.front_sent, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? 0 : errno;
    }
    stream.front_sent += static_cast<std::size_t>(sent);
    stream.queued -= static_cast<std::size_t>(sent);
    if (stream.front_sent < front.size()) continue;
    stream.queue.pop_front();
    stream.front_sent = 0;
  }
  return 0;
}

/// Why a connection that stood is lost.
std::string reason_of(int error) {
  if (error != ETIMEDOUT) return describe(error);
  return "the other side has taken nothing for too long (send hold time, RFC 9687)";
}

}  // namespace

// Callbacks of Asio hold the implementation weakly and the stream strongly, and look at the
// stream's state first: by the time they run it may have been closed.
class AsioTransport::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoop& loop, std::vector<PortTwin> twins, Duration longest_untaken)
      : loop_(loop),
        twins_(std::move(twins)),
        longest_untaken_(std::chrono::duration_cast<std::chrono::milliseconds>(longest_untaken)) {}

  // --- listening ----------------------------------------------------------------------------

  tl::expected<std::uint16_t, std::string> listen(const IpAddress& local, std::uint16_t tcp_port) {
    auto address = twins_.to_socket({local, tcp_port, std::nullopt});
    if (!address) return tl::unexpected(address.error());
    SocketResult fd = open_listener(*address);
    if (!fd) {
      return tl::unexpected("TCP port " + std::to_string(tcp_port) + " on " + to_string(local) +
                            ": " + fd.error());
    }
    for (const auto& [remote, password] : passwords_) guard(fd->get(), remote, password);
    const std::uint16_t port = twins_.to_endpoint(local_address(fd->get())).tcp_port;
    listeners_.push_back(std::make_shared<Listener>(loop_.context(), std::move(*fd)));
    wait_to_accept(listeners_.back());
    return port;
  }

  // --- connections --------------------------------------------------------------------------

  ConnectionId connect(const Endpoint& remote, const ConnectOptions& options) {
    const ConnectionId id = next_id();
    SocketResult fd = dial(remote, options);
    if (!fd) {
      // A stream without a socket, so that close() can take the failure back.
      auto stream = std::make_shared<Stream>(loop_.context(), id, FileDescriptor{},
                                             Stream::State::kConnecting);
      streams_.emplace(id, stream);
      fail_later(stream, fd.error());
      return id;
    }
    auto stream =
        std::make_shared<Stream>(loop_.context(), id, std::move(*fd), Stream::State::kConnecting);
    streams_.emplace(id, stream);
    stream->fd.async_wait(Descriptor::wait_write,
                          [weak = weak_from_this(), stream](const error_code& error) {
                            const auto self = weak.lock();
                            if (!self || stream->state != Stream::State::kConnecting) return;
                            self->connected(stream, error);
                          });
    return id;
  }

  void set_hop_limits(ConnectionId connection, const HopLimits& hops) {
    const StreamPtr stream = find(connection);
    if (!stream || stream->state != Stream::State::kOpen) return;
    lastmile::set_hop_limits(stream->socket(), local_address(stream->socket()).family(), hops);
  }

  bool set_password(const IpPrefix& remote, const std::string& password) {
    if (password.empty()) {
      passwords_.erase(remote);
    } else {
      passwords_[remote] = password;
    }
    bool good = true;
    for (const auto& listener : listeners_) {
      good = guard(listener->fd.native_handle(), remote, password) && good;
    }
    return good;
  }

  void send(ConnectionId connection, std::vector<std::uint8_t> bytes) {
    const StreamPtr stream = find(connection);
    if (!stream || bytes.empty()) return;
    stream->queued += bytes.size();
    stream->queue.push_back(std::move(bytes));
    if (stream->state != Stream::State::kOpen || stream->waiting_to_write) return;
    if (const int error = flush(*stream)) return fail_later(stream, reason_of(error));
    if (stream->queued > 0) wait_to_write(stream);
  }

  std::size_t queued(ConnectionId connection) const {
    const auto it = streams_.find(connection);
    return it == streams_.end() ? 0 : it->second->queued;
  }

  void close(ConnectionId connection) {
    const StreamPtr stream = find(connection);
    if (!stream) return;
    if (stream->state != Stream::State::kOpen || flush(*stream) != 0) return remove(stream);
    if (lingering_ >= kMaxLingering) return remove(stream);
    ++lingering_;
    stream->state = Stream::State::kLingering;
    stream->queue.clear();
    stream->queued = 0;
    ::shutdown(stream->socket(), SHUT_WR);
    stream->linger.expires_after(kLinger);
    stream->linger.async_wait([weak = weak_from_this(), stream](const error_code& error) {
      const auto self = weak.lock();
      if (self && !error) self->remove(stream);
    });
    // The wait for data that is under way goes on and finds the stream lingering.
  }

  void close_all() {
    while (!streams_.empty()) remove(streams_.begin()->second);
    error_code ignored;
    for (auto& listener : listeners_) listener->fd.close(ignored);
  }

  [[nodiscard]] bool idle() const { return streams_.empty(); }

 private:
  /// True if the key is set, or the listener is of the other family.
  bool guard(int listener, const IpPrefix& remote, const std::string& password) {
    return std::visit(
        [&]<class Address>(const Prefix<Address>& prefix) {
          const auto address = twins_.to_socket({prefix.address(), 0, std::nullopt});
          if (!address || address->family() != local_address(listener).family()) return true;
          return lastmile::set_password(listener, *address, prefix.length(), password);
        },
        remote);
  }

  ConnectionId next_id() { return ConnectionId{++last_id_}; }

  /// nullptr if it is closed.
  StreamPtr find(ConnectionId connection) {
    const auto it = streams_.find(connection);
    if (it == streams_.end() || it->second->state == Stream::State::kLingering) return nullptr;
    return it->second;
  }

  void remove(const StreamPtr& stream) {
    if (stream->state == Stream::State::kLingering) --lingering_;
    stream->state = Stream::State::kGone;
    stream->linger.cancel();
    error_code ignored;
    if (stream->fd.is_open()) stream->fd.close(ignored);
    streams_.erase(stream->id);
  }

  /// The one event that ends a connection which we did not close.
  void fail(const StreamPtr& stream, const std::string& reason) {
    const bool connecting = stream->state == Stream::State::kConnecting;
    remove(stream);
    if (connecting) {
      loop_.deliver(ConnectionFailed{stream->id, reason});
    } else {
      loop_.deliver(ConnectionClosed{stream->id, reason});
    }
  }

  void fail_later(const StreamPtr& stream, const std::string& reason) {
    asio::post(loop_.context(), [weak = weak_from_this(), stream, reason] {
      const auto self = weak.lock();
      const bool ours =
          stream->state == Stream::State::kConnecting || stream->state == Stream::State::kOpen;
      if (self && ours) self->fail(stream, reason);
    });
  }

  SocketResult dial(const Endpoint& remote, const ConnectOptions& options) {
    const auto address = twins_.to_socket(remote);
    if (!address) return tl::unexpected(address.error());
    DialOptions dial_options;
    dial_options.longest_untaken = longest_untaken_;
    dial_options.hops = options.hops;
    dial_options.password = options.password;
    if (remote.port) dial_options.interface = twins_.interface_of(*remote.port);
    if (options.source) {
      const auto source = twins_.to_socket({*options.source, 0, remote.port});
      if (!source) return tl::unexpected(source.error());
      dial_options.source = *source;
    }
    return open_dialer(*address, dial_options);
  }

  void connected(const StreamPtr& stream, const error_code& error) {
    if (error) return fail(stream, error.message());
    if (const int reason = pending_error(stream->socket())) return fail(stream, describe(reason));
    stream->state = Stream::State::kOpen;
    wait_to_read(stream);
    loop_.deliver(ConnectionOpened{stream->id, local_of(*stream), remote_of(*stream)});
    if (stream->state == Stream::State::kOpen && stream->queued > 0) wait_to_write(stream);
  }

  Endpoint local_of(Stream& stream) { return twins_.to_endpoint(local_address(stream.socket())); }
  Endpoint remote_of(Stream& stream) { return twins_.to_endpoint(remote_address(stream.socket())); }

  // --- reading ------------------------------------------------------------------------------

  void wait_to_read(const StreamPtr& stream) {
    stream->fd.async_wait(Descriptor::wait_read,
                          [weak = weak_from_this(), stream](const error_code& error) {
                            const auto self = weak.lock();
                            if (!self || error) return;
                            if (stream->state == Stream::State::kOpen) self->read(stream);
                            if (stream->state == Stream::State::kLingering) self->discard(stream);
                            if (stream->state != Stream::State::kGone) self->wait_to_read(stream);
                          });
  }

  /// One chunk at a time: a peer with a full table does not keep the others waiting.
  void read(const StreamPtr& stream) {
    const ssize_t length = ::recv(stream->socket(), chunk_.data(), stream->pace.octets(), 0);
    if (length > 0) {
      loop_.deliver(BytesReceived{stream->id, {chunk_.begin(), chunk_.begin() + length}});
      stream->pace.took(static_cast<std::size_t>(length), loop_.slices().last());
    } else if (length == 0) {
      fail(stream, "closed by the other side");
    } else if (errno != EAGAIN && errno != EINTR) {
      fail(stream, reason_of(errno));
    }
  }

  void discard(const StreamPtr& stream) {
    const ssize_t length = ::recv(stream->socket(), chunk_.data(), chunk_.size(), 0);
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) remove(stream);
  }

  // --- writing ------------------------------------------------------------------------------

  void wait_to_write(const StreamPtr& stream) {
    stream->waiting_to_write = true;
    stream->fd.async_wait(Descriptor::wait_write,
                          [weak = weak_from_this(), stream](const error_code& error) {
                            const auto self = weak.lock();
                            stream->waiting_to_write = false;
                            if (!self || error || stream->state != Stream::State::kOpen) return;
                            self->write(stream);
                          });
  }

  void write(const StreamPtr& stream) {
    if (const int error = flush(*stream)) return fail(stream, reason_of(error));
    if (stream->queued > 0) return wait_to_write(stream);
    loop_.deliver(SendDrained{stream->id});
  }

  // --- accepting ----------------------------------------------------------------------------

  void wait_to_accept(const std::shared_ptr<Listener>& listener) {
    listener->fd.async_wait(Descriptor::wait_read,
                            [weak = weak_from_this(), listener](const error_code& error) {
                              const auto self = weak.lock();
                              if (self && !error) self->accept_burst(listener);
                            });
  }

  void accept_burst(const std::shared_ptr<Listener>& listener) {
    for (int i = 0; i < kAcceptBurst; ++i) {
      FileDescriptor fd{
          accept4(listener->fd.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
      if (fd.get() >= 0) {
        accepted(std::move(fd));
        continue;
      }
      const int error = errno;
      if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        return pause_accepting(listener, error);
      }
      if (error == EAGAIN) break;
      // Anything else is the end of one connection before we saw it (accept(2)).
    }
    wait_to_accept(listener);
  }

  void pause_accepting(const std::shared_ptr<Listener>& listener, int error) {
    log::error("bgp: accept: {}; trying again in {} s", describe(error), kAcceptPause.count());
    listener->pause.expires_after(kAcceptPause);
    listener->pause.async_wait([weak = weak_from_this(), listener](const error_code& cancelled) {
      const auto self = weak.lock();
      if (self && !cancelled) self->wait_to_accept(listener);
    });
  }

  void accepted(FileDescriptor fd) {
    set_session_options(fd.get(), local_address(fd.get()).family(), longest_untaken_);
    const ConnectionId id = next_id();
    auto stream =
        std::make_shared<Stream>(loop_.context(), id, std::move(fd), Stream::State::kOpen);
    streams_.emplace(id, stream);
    wait_to_read(stream);
    loop_.deliver(ConnectionAccepted{id, local_of(*stream), remote_of(*stream)});
  }

  EventLoop& loop_;
  TwinTable twins_;
  const std::chrono::milliseconds longest_untaken_;
  std::uint64_t last_id_ = 0;
  std::size_t lingering_ = 0;
  std::unordered_map<ConnectionId, StreamPtr> streams_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::map<IpPrefix, std::string> passwords_;  ///< what listeners ask for
  std::vector<std::uint8_t> chunk_ = std::vector<std::uint8_t>(ReadPace::kMost);
};

AsioTransport::AsioTransport(EventLoop& loop, std::vector<PortTwin> twins, Duration longest_untaken)
    : impl_(std::make_shared<Impl>(loop, std::move(twins), longest_untaken)) {}

AsioTransport::~AsioTransport() {
  impl_->close_all();
}

tl::expected<std::uint16_t, std::string> AsioTransport::listen(const IpAddress& local,
                                                               std::uint16_t tcp_port) {
  return impl_->listen(local, tcp_port);
}

tl::expected<void, std::string> AsioTransport::listen_everywhere(std::uint16_t tcp_port) {
  const auto v4 = listen(Ipv4Address{}, tcp_port);
  if (!v4) return tl::unexpected(v4.error());
  if (const FileDescriptor probe{::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      probe.get() < 0) {
    log::warn("bgp: this machine has no IPv6 ({}); only IPv4 peers can connect", describe(errno));
    return {};
  }
  const auto v6 = listen(Ipv6Address{}, tcp_port);
  if (!v6) return tl::unexpected(v6.error());
  return {};
}

ConnectionId AsioTransport::connect(const Endpoint& remote, const ConnectOptions& options) {
  return impl_->connect(remote, options);
}
void AsioTransport::set_hop_limits(ConnectionId connection, const HopLimits& hops) {
  impl_->set_hop_limits(connection, hops);
}
bool AsioTransport::set_password(const IpPrefix& remote, const std::string& password) {
  return impl_->set_password(remote, password);
}
void AsioTransport::send(ConnectionId connection, std::vector<std::uint8_t> bytes) {
  impl_->send(connection, std::move(bytes));
}
std::size_t AsioTransport::queued(ConnectionId connection) const {
  return impl_->queued(connection);
}
void AsioTransport::close(ConnectionId connection) {
  impl_->close(connection);
}
bool AsioTransport::idle() const {
  return impl_->idle();
}

}  // namespace lastmile

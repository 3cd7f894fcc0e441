#include "tools/feed_src/session.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "controlplane/bgp/wire/notification.h"

namespace lastmile::feed {
namespace {

constexpr std::size_t kReadChunk = 1 << 20;
/// Octets for one send(): enough to keep a TCP window full, not so many that the reading of other
/// sessions waits.
constexpr std::size_t kWriteChunk = 1 << 20;

std::string describe(int error) {
  return std::strerror(error);
}

bgp::Open open_of(const Session::Settings& settings) {
  bgp::Open open;
  open.asn = settings.asn;
  open.hold_time_s = settings.hold_s;
  open.identifier = settings.identifier;
  open.capabilities.multiprotocol = {bgp::Family::kIpv4Unicast, bgp::Family::kIpv6Unicast};
  open.capabilities.route_refresh = true;
  open.capabilities.extended_next_hop = {bgp::Family::kIpv4Unicast};
  open.capabilities.four_octet_asn = settings.asn;
  return open;
}

}  // namespace

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::size_t Transfer::allowed(double now) {
  if (rate <= 0) return stream->bytes.size();
  const auto routes = static_cast<std::uint64_t>(rate * (now - began));
  const auto& marks = stream->marks;
  while (next_mark < marks.size() && marks[next_mark].routes <= routes) ++next_mark;
  return next_mark == 0 ? 0 : marks[next_mark - 1].end;
}

void Session::connect() {
  if (!settings_.remote) return;
  RawAddress remote = to_raw(*settings_.remote);
  FileDescriptor fd{
      socket(remote.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
  if (fd.get() < 0) return drop(describe(errno));
  if (settings_.local) {
    RawAddress local = to_raw(*settings_.local);
    if (bind(fd.get(), local.get(), local.length) != 0) {
      return drop(fmt::format("bind to {}: {}", to_string(*settings_.local), describe(errno)));
    }
  }
  const int result = ::connect(fd.get(), remote.get(), remote.length);
  if (result != 0 && errno != EINPROGRESS) return drop(describe(errno));
  fd_ = std::move(fd);
  state_ = State::kConnecting;
}

void Session::adopt(FileDescriptor fd) {
  fd_ = std::move(fd);
  opened();
}

void Session::opened() {
  const int on = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  codec_ = {};
  input_.clear();
  input_used_ = 0;
  control_.clear();
  transfer_.reset();
  observer_.connected();
  state_ = State::kOpenSent;
  say(encode(open_of(settings_)));
}

void Session::close() {
  if (state_ == State::kEstablished) {
    const auto bye = encode(bgp::administrative_shutdown("feed"));
    // Between two messages or not at all.
    if (quiet()) static_cast<void>(::send(fd_.get(), bye.data(), bye.size(), MSG_NOSIGNAL));
  }
  if (state_ != State::kIdle) drop("");
}

void Session::drop(const std::string& reason) {
  fd_ = FileDescriptor{};
  state_ = State::kIdle;
  transfer_.reset();
  observer_.down(reason);
}

End Session::local_end() const {
  RawAddress raw;
  if (getsockname(fd_.get(), raw.get(), &raw.length) != 0) return {};
  return from_raw(raw);
}

void Session::clear_tally() {
  tally_ = {};
  first_update_ = last_update_ = 0;
}

short Session::wanted(double now) {
  if (state_ == State::kConnecting) return POLLOUT;
  const bool more = transfer_ && transfer_->at < transfer_->allowed(now);
  return static_cast<short>(POLLIN | (more || !control_.empty() ? POLLOUT : 0));
}

void Session::ready(short events) {
  if (state_ == State::kConnecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return drop(describe(error));
    return opened();
  }
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read();
  if (state_ != State::kIdle && (events & POLLOUT) != 0) write(now_s());
}

void Session::say(const std::vector<std::uint8_t>& octets) {
  control_.insert(control_.end(), octets.begin(), octets.end());
  write(now_s());
}

void Session::start(std::shared_ptr<const Stream> stream, double rate) {
  transfer_.emplace();
  transfer_->stream = std::move(stream);
  transfer_->rate = rate;
  transfer_->began = now_s();
  write(transfer_->began);
}

void Session::write(double now) {
  const auto send_from = [&](const std::uint8_t* data, std::size_t size) -> std::size_t {
    const ssize_t sent = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;  // errors come back by poll
  };
  std::size_t allowed = transfer_ ? transfer_->allowed(now) : 0;
  // Control messages stand between messages of the stream, where it pauses or has not begun.
  if (!control_.empty() && (!transfer_ || transfer_->at == allowed || transfer_->at == 0)) {
    const std::size_t sent = send_from(control_.data(), control_.size());
    control_.erase(control_.begin(), control_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (!control_.empty()) return;
  }
  if (!transfer_ || transfer_->at >= allowed) return;
  allowed = std::min(allowed, transfer_->at + kWriteChunk);
  transfer_->at +=
      send_from(transfer_->stream->bytes.data() + transfer_->at, allowed - transfer_->at);
  if (transfer_->at == transfer_->stream->bytes.size()) transfer_->sent = now_s();
}

void Session::tick(double now) {
  if (state_ == State::kIdle || state_ == State::kConnecting) return;
  if (transfer_ && transfer_->sent != 0 && transfer_->acked == 0) {
    int unacknowledged = 0;
    if (ioctl(fd_.get(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0) {
      transfer_->acked = now;
    }
  }
  if (state_ != State::kEstablished || now < next_keepalive_) return;
  next_keepalive_ = now + keepalive_s_;
  // A stream that goes out as fast as it can is keepalive enough.
  if (!transfer_ || transfer_->sent != 0 || transfer_->rate > 0) say(encode(bgp::Keepalive{}));
}

void Session::read() {
  if (input_.size() < input_used_ + kReadChunk) input_.resize(input_used_ + kReadChunk);
  const ssize_t got = recv(fd_.get(), input_.data() + input_used_, kReadChunk, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop(got == 0 ? "closed by the other side" : describe(errno));
  input_used_ += static_cast<std::size_t>(got);
  tally_.bytes += static_cast<std::uint64_t>(got);
  std::size_t at = 0;
  while (input_used_ - at >= bgp::kHeaderSize) {
    const bgp::Octets rest{input_.data() + at, input_used_ - at};
    const auto header = bgp::read_header(rest, codec_);
    if (!header) return drop("a message with a bad header");
    if (rest.size() < header->length) break;
    at += header->length;
    if (!message(rest.first(header->length))) return;
  }
  std::copy(input_.begin() + static_cast<std::ptrdiff_t>(at),
            input_.begin() + static_cast<std::ptrdiff_t>(input_used_), input_.begin());
  input_used_ -= at;
}

bool Session::message(bgp::Octets octets) {
  const auto type = static_cast<bgp::MessageType>(octets[18]);
  if (type == bgp::MessageType::kUpdate) {
    last_update_ = now_s();
    if (tally_.updates == 0) first_update_ = last_update_;
    tally_.count_update(octets.subspan(bgp::kHeaderSize));
    return true;
  }
  if (type == bgp::MessageType::kKeepalive) {
    if (state_ != State::kOpenConfirm) return true;
    state_ = State::kEstablished;
    established_at_ = now_s();
    next_keepalive_ = established_at_ + keepalive_s_;
    observer_.established();
    return state_ != State::kIdle;
  }
  const auto decoded = bgp::decode(octets, codec_);
  if (!decoded) {
    drop("a malformed message: " + bgp::to_string(decoded.error()));
    return false;
  }
  if (const auto* const notification = std::get_if<bgp::Notification>(&*decoded)) {
    drop("NOTIFICATION " + bgp::to_string(*notification));
    return false;
  }
  const auto* const open = std::get_if<bgp::Open>(&*decoded);
  if (open != nullptr && state_ == State::kOpenSent) {
    keepalive_s_ = std::min(settings_.hold_s, open->hold_time_s) / 3.0;
    state_ = State::kOpenConfirm;
    say(encode(bgp::Keepalive{}));
  }
  return true;
}

}  // namespace lastmile::feed

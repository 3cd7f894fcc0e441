// What the control plane has the engine do. Nothing here is on a packet's or a timer's way.
#include "dataplane/bfd/engine.h"
#include "dataplane/bfd/slot.h"

namespace lastmile::bfd {

void Engine::apply(const Command& command, Instant now) {
  using Kind = Command::Kind;
  if (command.kind == Kind::kAdd) return add(command.session, command.spec, now);
  Slot& slot = slots_[command.session.value()];
  if (!slot.used) return;
  slot.forget_routine();
  switch (command.kind) {
    case Kind::kAdd:
      return;
    case Kind::kRemove:
      return remove(command.session);
    case Kind::kChange:
      change(slot, command.spec.parameters, now);
      break;
    case Kind::kResolve:
      slot.spec.remote_mac = command.spec.remote_mac;
      if (slot.control) slot.control->remind();
      break;
    case Kind::kEnable:
      set_admin(slot, Admin::kEnabled, now);
      break;
    case Kind::kAdminDown:
      set_admin(slot, Admin::kDown, now);
      break;
    case Kind::kPathDown:
      if (slot.control) slot.control->path_down(now);
      if (!slot.control && slot.echo) slot.echo->fail(now);
      break;
    case Kind::kForgive:
      set_failed(slot, false);
      break;
    case Kind::kSpare:
      slot.spared = true;
      if (slot.is_ambiguous()) set_failed(slot, false);
      break;
    case Kind::kHeed:
      slot.spared = false;
      break;
    case Kind::kBind:
      return bind(slot, command.next_hop);
    case Kind::kRelease:
      return unbind(command.next_hop, Alive::kNo);
    case Kind::kUnbind:
      return unbind(command.next_hop, Alive::kYes);
  }
  serve(slot, now, now);
}

void Engine::add(SessionId id, const SessionSpec& spec, Instant now) {
  Slot& slot = slots_[id.value()];
  if (slot.used) remove(id);
  slot = Slot{};
  slot.used = true;
  slot.id = id;
  slot.port = spec.port;
  slot.spec = spec;
  if (spec.parameters.echo_mode == EchoMode::kUnaffiliated) {
    slot.echo.emplace(spec.discriminator, spec.port, spec.parameters.echo, spec.echo_key,
                      spec.seed);
  } else {
    slot.control.emplace(spec.discriminator, spec.parameters.control, spec.seed);
  }
  active_.push_back(id);
  if (spec.is_multihop()) ++multihop_sessions_;
  board_[id].sent.set(0), board_[id].received.set(0), board_[id].refused.set(0);
  board_[id].echo_reflected.set(0);
  queue_.set(id.value(), now);
  publish(slot);
}

void Engine::remove(SessionId id) {
  Slot& slot = slots_[id.value()];
  while (const auto next_hop = next_hops_.first(id)) unbind(*next_hop, Alive::kYes);
  if (slot.untold) --untold_;
  if (slot.spec.is_multihop()) --multihop_sessions_;
  slot.used = false;
  slot.forget_routine();
  queue_.remove(id.value());
  std::erase(active_, id);
  board_[id].discriminator.set(0);
}

void Engine::change(Slot& slot, const SessionParameters& parameters, Instant now) {
  // From unaffiliated echo to control packets, or back, is another session: the control plane makes
  // one.
  slot.spec.parameters = parameters;
  if (slot.control) slot.control->change(parameters.control, now);
  if (slot.echo && !slot.control) slot.echo->change(parameters.echo, now);
}

void Engine::set_admin(Slot& slot, Admin admin, Instant now) {
  slot.admin = admin;
  if (slot.control) slot.control->set_admin(admin, now);
  if (slot.echo) slot.echo->reset(now);
  if (admin == Admin::kDown) set_failed(slot, false);
}

void Engine::bind(const Slot& slot, NextHopId next_hop) {
  if (!next_hops_.exists(next_hop)) return;
  unbind(next_hop, Alive::kYes);
  next_hops_.bind(slot.id, next_hop);
  if (slot.failed) outside_.set_alive(next_hop, Alive::kNo);
}

void Engine::unbind(NextHopId next_hop, Alive leave) {
  const auto owner = next_hops_.owner(next_hop);
  if (!owner) return;
  next_hops_.unbind(next_hop);
  if (slots_[owner->value()].failed && leave == Alive::kYes) {
    outside_.set_alive(next_hop, Alive::kYes);
  }
}

}  // namespace lastmile::bfd

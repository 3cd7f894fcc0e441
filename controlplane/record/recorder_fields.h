// The frames of a recording that are no events; for recorder.cc and replay.cc.
#pragma once

#include "controlplane/record/fields.h"
#include "controlplane/record/recorder.h"

namespace lastmile::record {

template <class Io, Is<ControlPlane::Port> V>
void fields(Io& io, V& v) {
  io(v.id, v.mac);
}
template <class Io, Is<ConfigSource> V>
void fields(Io& io, V& v) {
  io(v.name, v.text, v.secrets);
}
template <class Io, Is<FibFailure> V>
void fields(Io& io, V& v) {
  io(v.sequence, v.prefix, v.error);
}
template <class Io, Is<Overlay> V>
void fields(Io& io, V& v) {
  io(v.graceful_shutdown, v.shutdown, v.shutdown_message);
}
template <class Io, Is<Beginning> V>
void fields(Io& io, V& v) {
  io(v.program, v.at, v.run.seed, v.run.away, v.ports);
}

}  // namespace lastmile::record

#include "daemon/held_signals.h"

#include <pthread.h>

#include <initializer_list>

namespace lastmile {

HeldSignals::HeldSignals() {
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&held, signal);
  pthread_sigmask(SIG_BLOCK, &held, &before_);
}

HeldSignals::~HeldSignals() {
  release();
}

void HeldSignals::release() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace lastmile

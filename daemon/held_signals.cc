#include "daemon/held_signals.h"

#include <pthread.h>

#include <initializer_list>

namespace lastmile {

HeldSignals::HeldSignals() {
  sigemptyset(&held_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&held_, signal);
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() {
  release();
}

void HeldSignals::hold_for_good() {
  pthread_sigmask(SIG_BLOCK, &held_, nullptr);
  before_ = held_;
}

void HeldSignals::release() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace lastmile

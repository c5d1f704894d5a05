#include "tools/interrupt.h"

#include <csignal>

namespace logwood::tools {

namespace {

// Written by the signal handler, read by the loop it stops.
volatile std::sig_atomic_t interrupted = 0;

extern "C" void OnInterrupt(int /*signal*/) { interrupted = 1; }

}  // namespace

void IgnoreWriteSignals() {
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
  sigaction(SIGXFSZ, &action, nullptr);
}

void CatchInterrupts() {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  // Without SA_RESTART a blocked read returns; with SA_RESETHAND a second signal has its usual
  // effect, for those who do not want to wait for the batch.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return interrupted != 0; }

}  // namespace logwood::tools

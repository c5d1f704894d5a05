// Signals a long command must answer politely: Ctrl-C stops after the current batch, and a reader
// that goes away (`logwood scan ... | head`) is an ordinary end.
#pragma once

namespace logwood::tools {

// From now on a write into a closed pipe, or beyond the largest file the process may write, is an
// error of that write instead of the end of the process. Call once, before any thread starts.
void IgnoreWriteSignals();

// From now on SIGINT and SIGTERM only set a flag; a second one ends the process at once. A read
// that waits for input returns early.
void CatchInterrupts();

// Whether one came since CatchInterrupts.
bool Interrupted();

}  // namespace logwood::tools

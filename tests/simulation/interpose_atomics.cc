// Under ThreadSanitizer each access to a std::atomic is a call into its runtime, so the linker can
// put a scheduling point before it, too (wrapped_atomics.txt): the protocols that wait for nobody -
// the view readers announce, the visible position, the index of the memtable - are explored like
// those with locks. Other builds have nothing to wrap here; there such a protocol runs through.
#include "tests/support/sanitizers.h"

#if LOGWOOD_TEST_TSAN

#include <cstdint>

#include "tests/simulation/scheduler.h"

namespace {

void BeforeAtomic() {
  if (logwood::test::Scheduler* scheduler = logwood::test::Scheduler::Mine()) scheduler->Atomic();
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier): the names of the runtime and of the linker.
extern "C" {

#define LOGWOOD_WRAP(result, name, parameters, arguments) \
  result __real___tsan_##name parameters;                 \
  result __wrap___tsan_##name parameters {                \
    BeforeAtomic();                                       \
    return __real___tsan_##name arguments;                \
  }

#define LOGWOOD_WRAP_UPDATE(bits, name)                                         \
  LOGWOOD_WRAP(uint##bits##_t, atomic##bits##_##name,                           \
               (volatile uint##bits##_t * at, uint##bits##_t value, int order), \
               (at, value, order))

#define LOGWOOD_WRAP_COMPARE(bits, name)                                                         \
  LOGWOOD_WRAP(int, atomic##bits##_compare_exchange_##name,                                      \
               (volatile uint##bits##_t * at, uint##bits##_t * expected, uint##bits##_t desired, \
                int order, int failure_order),                                                   \
               (at, expected, desired, order, failure_order))

#define LOGWOOD_WRAP_SIZE(bits)                                                                \
  LOGWOOD_WRAP(uint##bits##_t, atomic##bits##_load,                                            \
               (const volatile uint##bits##_t* at, int order), (at, order))                    \
  LOGWOOD_WRAP(void, atomic##bits##_store,                                                     \
               (volatile uint##bits##_t * at, uint##bits##_t value, int order),                \
               (at, value, order))                                                             \
  LOGWOOD_WRAP_UPDATE(bits, exchange)                                                          \
  LOGWOOD_WRAP_UPDATE(bits, fetch_add)                                                         \
  LOGWOOD_WRAP_UPDATE(bits, fetch_sub)                                                         \
  LOGWOOD_WRAP_UPDATE(bits, fetch_and)                                                         \
  LOGWOOD_WRAP_UPDATE(bits, fetch_or)                                                          \
  LOGWOOD_WRAP_UPDATE(bits, fetch_xor)                                                         \
  LOGWOOD_WRAP_UPDATE(bits, fetch_nand)                                                        \
  LOGWOOD_WRAP_COMPARE(bits, strong)                                                           \
  LOGWOOD_WRAP_COMPARE(bits, weak)                                                             \
  LOGWOOD_WRAP(uint##bits##_t, atomic##bits##_compare_exchange_val,                            \
               (volatile uint##bits##_t * at, uint##bits##_t expected, uint##bits##_t desired, \
                int order, int failure_order),                                                 \
               (at, expected, desired, order, failure_order))

LOGWOOD_WRAP_SIZE(8)
LOGWOOD_WRAP_SIZE(16)
LOGWOOD_WRAP_SIZE(32)
LOGWOOD_WRAP_SIZE(64)

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)

#endif

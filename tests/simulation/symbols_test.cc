// The simulation owns what it wraps. So the core may reach the system's threads, clocks, waits and
// random bytes in no other way: what its objects ask the linker for says whether that is so.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <string>

namespace logwood::test {
namespace {

std::set<std::string> WrappedSymbols() {
  std::ifstream file(LOGWOOD_SOURCE_DIR "/tests/simulation/wrapped_symbols.txt");
  std::set<std::string> symbols;
  for (std::string symbol; std::getline(file, symbol);) symbols.insert(symbol);
  return symbols;
}

// What the library takes from elsewhere.
std::set<std::string> SymbolsOfTheCore() {
  std::unique_ptr<FILE, int (*)(FILE*)> nm(popen("nm -u '" LOGWOOD_LIBRARY "' 2>&1", "r"), pclose);
  std::set<std::string> symbols;
  char line[4096];
  while (nm && std::fgets(line, sizeof line, nm.get())) {
    std::string text = line;
    text.erase(text.find_last_not_of(" \n") + 1);
    symbols.insert(text.substr(text.find_last_of(' ') + 1));
  }
  return symbols;
}

// Whether it may wait for another thread, start one, or differ from run to run.
bool NeedsWrapping(const std::string& symbol) {
  static const std::regex kSuspicious(
      "pthread_|^sem_|^mtx_|^cnd_|^thrd_|futex|condition_variable|St6thread|clock|sleep|yield|"
      "^(gettimeofd|localtim|gmtim)|^time$|getentropy|getrandom|arc4random|^s?rand(om)?(_r)?$|"
      "random_device|__cxa_guard|call_once|atomic_(notify|wait)|^(e?poll|select|eventfd|timer)");
  // They make and end objects, and none of them waits.
  static const std::regex kHarmless(
      "pthread_atfork|_ZNSt18condition_variable[CD][12]Ev|_ZTINSt6thread6_StateE|"
      "_ZNSt6thread6_StateD2Ev");
  return std::regex_search(symbol, kSuspicious) && !std::regex_match(symbol, kHarmless) &&
         !symbol.starts_with("_ZN7logwood") && !symbol.starts_with("_ZNK7logwood");
}

TEST(Symbols, CoreReachesTheSystemOnlyThroughWhatIsWrapped) {
  const std::set<std::string> wrapped = WrappedSymbols(), core = SymbolsOfTheCore();
  // The list is there, and the library was read.
  ASSERT_GT(wrapped.size(), 10u);
  ASSERT_TRUE(core.contains("pthread_mutex_lock")) << core.size() << " symbols";
  for (const std::string& symbol : core) {
    EXPECT_TRUE(!NeedsWrapping(symbol) || wrapped.contains(symbol))
        << symbol << " is none of wrapped_symbols.txt: interpose.cc would not own it";
  }
}

TEST(Symbols, WhatWouldNotBeOwnedIsSeen) {
  for (const char* symbol :
       {"pthread_rwlock_rdlock", "pthread_create", "pthread_cond_timedwait", "sem_wait", "usleep",
        "clock_gettime", "clock_nanosleep", "sched_yield", "time", "getrandom", "rand", "poll",
        "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE", "_ZNSt6thread6detachEv",
        "_ZNSt13random_device9_M_getvalEv", "_ZNSt6chrono3_V212system_clock3nowEv"}) {
    EXPECT_TRUE(NeedsWrapping(symbol)) << symbol;
  }
  EXPECT_FALSE(NeedsWrapping("memcpy"));
  EXPECT_FALSE(NeedsWrapping("pread64"));
}

}  // namespace
}  // namespace logwood::test

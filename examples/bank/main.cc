// A bank: threads move money between accounts, by transactions, while an auditor adds all of it up.
// The sum is the same at each position, no account goes below zero, and after a reopen all is as it
// was.
//
//   ./bank [ACCOUNTS [TRANSFERS]]     10 accounts and 2,000 transfers without them; few accounts:
//   many conflicts
//
// A transfer takes some microseconds, so that few would meet. Here a teller looks up from time to
// time between reading and writing, as one who waits for another service does: then others write.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "logwood/db.h"

using logwood::DB;
using logwood::Result;
using logwood::Status;
using logwood::StatusCode;

namespace {

constexpr int64_t kOpeningBalance = 100;
constexpr int kTellers = 4;
constexpr uint64_t kTransfersALook = 10;  // how many a teller makes for each time it looks up

std::string Account(uint64_t number) {
  char key[32];
  std::snprintf(key, sizeof(key), "account/%06llu", static_cast<unsigned long long>(number));
  return key;
}

[[noreturn]] void Fail(const char* what, const Status& status) {
  std::fprintf(stderr, "bank: %s: %s\n", what, status.ToString().c_str());
  std::exit(1);
}

// Ok, also where there is not enough money. kConflict: somebody else was quicker.
Status TryTransfer(DB* db, const std::string& from, const std::string& to, int64_t amount,
                   bool looks_up) {
  auto transaction = db->BeginTransaction({});
  if (!transaction.ok()) return transaction.status();
  int64_t balances[2] = {};
  for (int i = 0; i < 2; ++i) {
    std::string value;
    const Status got = (*transaction)->Get(i == 0 ? from : to, &value);
    if (!got.ok()) return got;
    balances[i] = logwood::DecodeInt64(value).value_or(0);
  }
  if (balances[0] < amount) return Status::Ok();
  if (looks_up) std::this_thread::sleep_for(std::chrono::microseconds(200));
  Status put = (*transaction)->Put(from, logwood::EncodeInt64(balances[0] - amount));
  if (put.ok()) put = (*transaction)->Put(to, logwood::EncodeInt64(balances[1] + amount));
  return put.ok() ? (*transaction)->Commit({}).status() : put;
}

// Returns how often it was refused before it went through.
uint64_t Transfer(DB* db, const std::string& from, const std::string& to, int64_t amount,
                  bool looks_up) {
  for (uint64_t refused = 0;; ++refused) {
    const Status status = TryTransfer(db, from, to, amount, looks_up && refused == 0);
    if (status.ok()) return refused;
    if (!status.Is(StatusCode::kConflict)) Fail("transfer", status);
  }
}

// All money there is, at one position.
int64_t Sum(DB* db) {
  logwood::IteratorOptions accounts;
  accounts.prefix = "account/";
  const auto it = db->NewIterator(accounts);
  int64_t sum = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const int64_t balance = logwood::DecodeInt64(it->value()).value_or(-1);
    if (balance < 0) Fail("audit", Status::Corruption("an account is below zero"));
    sum += balance;
  }
  if (!it->status().ok()) Fail("audit", it->status());
  return sum;
}

std::unique_ptr<DB> OpenBank() {
  Result<std::unique_ptr<DB>> db = DB::Open({}, "bank.db");
  if (!db.ok()) Fail("open", db.status());
  return std::move(*db);
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t accounts = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10;
  const uint64_t transfers = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 2'000;
  if (argc > 3 || accounts < 2 || transfers == 0) {
    std::fprintf(stderr, "usage: bank [ACCOUNTS [TRANSFERS]]\n");
    return 2;
  }
  std::unique_ptr<DB> db = OpenBank();
  logwood::WriteBatch opening;
  opening.DeleteRange("account/", "account0");  // an earlier run's
  for (uint64_t i = 0; i < accounts; ++i) {
    opening.Put(Account(i), logwood::EncodeInt64(kOpeningBalance));
  }
  if (const auto opened = db->Write({}, opening); !opened.ok()) Fail("open", opened.status());
  const int64_t all = static_cast<int64_t>(accounts) * kOpeningBalance;

  const auto begin = std::chrono::steady_clock::now();
  std::atomic<uint64_t> refused{0};
  std::vector<std::thread> tellers;
  for (int teller = 0; teller < kTellers; ++teller) {
    tellers.emplace_back([&, teller] {
      uint64_t dice = static_cast<uint64_t>(teller) + 1;
      const auto random = [&dice](uint64_t below) {
        dice = dice * 6364136223846793005 + 1442695040888963407;
        return (dice >> 33) % below;
      };
      for (uint64_t i = 0; i < transfers / kTellers; ++i) {
        const uint64_t from = random(accounts), to = (from + 1 + random(accounts - 1)) % accounts;
        refused +=
            Transfer(db.get(), Account(from), Account(to),
                     static_cast<int64_t>(random(kOpeningBalance)), i % kTransfersALook == 0);
      }
    });
  }
  for (int audit = 0; audit < 100; ++audit) {
    if (Sum(db.get()) != all) Fail("audit", Status::Corruption("money came or went"));
  }
  for (std::thread& teller : tellers) teller.join();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;

  if (const Status closed = db->Close(); !closed.ok()) Fail("close", closed);
  db = OpenBank();
  if (Sum(db.get()) != all) Fail("audit", Status::Corruption("money came or went over the reopen"));
  std::printf(
      "%llu transfers between %llu accounts, %.0f a second; refused and tried again: %llu\n",
      static_cast<unsigned long long>(transfers / kTellers * kTellers),
      static_cast<unsigned long long>(accounts), static_cast<double>(transfers) / taken.count(),
      static_cast<unsigned long long>(refused.load()));
  return 0;
}

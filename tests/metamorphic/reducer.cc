#include "tests/metamorphic/reducer.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/metamorphic/runner.h"

namespace logwood::test {

namespace {

constexpr unsigned kChildSecondsMax = 120;  // a list that runs longer hangs

class Reduction {
 public:
  Reduction(OperationList list, const Fails& fails, size_t runs_max)
      : list_(std::move(list)), fails_(fails), runs_left_(runs_max) {}

  OperationList Run() {
    size_t before = 0;
    do {
      before = list_.size();
      RemoveStretches();
    } while (list_.size() < before && runs_left_ > 0);
    for (size_t i = 0; i < list_.size(); ++i) SimplifyOperation(i);
    return list_;
  }

 private:
  // Takes the candidate when it fails, too.
  bool Try(OperationList candidate) {
    if (runs_left_ == 0) return false;
    --runs_left_;
    if (!fails_(candidate)) return false;
    list_ = std::move(candidate);
    return true;
  }

  void RemoveStretches() {
    for (size_t length = std::max<size_t>(1, list_.size() / 2);; length /= 2) {
      // From the end: what fails last depends on what came first, not the other way round.
      size_t end = list_.size();
      while (end > 0) {
        const size_t begin = end > length ? end - length : 0;
        OperationList candidate(list_.begin(), list_.begin() + static_cast<ptrdiff_t>(begin));
        candidate.insert(candidate.end(), list_.begin() + static_cast<ptrdiff_t>(end), list_.end());
        Try(std::move(candidate));
        end = begin;
      }
      if (length == 1) return;
    }
  }

  template <typename T>
  void RemoveElements(size_t index, std::vector<T> Operation::*elements) {
    for (size_t i = (list_[index].*elements).size(); i > 0; --i) {
      OperationList candidate = list_;
      std::vector<T>& changed = candidate[index].*elements;
      changed.erase(changed.begin() + static_cast<ptrdiff_t>(i - 1));
      Try(std::move(candidate));
    }
  }

  void RemoveBound(size_t index, std::optional<KeyRef> Operation::*bound) {
    if (!(list_[index].*bound)) return;
    OperationList candidate = list_;
    (candidate[index].*bound).reset();
    Try(std::move(candidate));
  }

  void SimplifyOperation(size_t index) {
    RemoveElements(index, &Operation::items);
    RemoveElements(index, &Operation::steps);
    RemoveElements(index, &Operation::keys);
    for (const auto bound : {&Operation::lower, &Operation::upper, &Operation::prefix})
      RemoveBound(index, bound);
    OperationList candidate = list_;
    candidate[index].value.size = std::min(candidate[index].value.size, 3u);
    for (BatchItem& item : candidate[index].items) item.value.size = std::min(item.value.size, 3u);
    for (BatchItem& item : candidate[index].items) item.ttl_us = 0;
    candidate[index].ttl_us = 0;
    candidate[index].note_bytes = 0;
    candidate[index].durability = Durability::kDefault;
    if (candidate != list_) Try(std::move(candidate));
  }

  OperationList list_;
  const Fails& fails_;
  size_t runs_left_;
};

std::string HowItDied(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "the run hangs";
  if (WIFSIGNALED(status)) return "the run died of signal " + std::to_string(WTERMSIG(status));
  return "the run exited with " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

OperationList Reduce(OperationList list, const Fails& fails, size_t runs_max) {
  return Reduction(std::move(list), fails, runs_max).Run();
}

bool FailsInChild(const OptionSet& set, const OperationList& list, std::string* what) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    alarm(kChildSecondsMax);
    const RunResult result = RunOperations(set, list);
    std::string text;
    if (result.failure)
      text = "operation " + std::to_string(result.failure->index) + ": " + result.failure->what;
    text.resize(std::min<size_t>(text.size(), 4000));  // fits a pipe
    if (write(ends[1], text.data(), text.size()) < 0) _exit(3);
    _exit(result.failure ? 1 : 0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  if (what != nullptr && failed) *what = text.empty() ? HowItDied(status) : text;
  return failed;
}

}  // namespace logwood::test

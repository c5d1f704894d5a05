#include "tests/support/history_graph.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace logwood::test::history {

Graph::Graph(uint32_t nodes, std::vector<Edge> edges)
    : nodes_(nodes), edges_(edges.size()), begin_(size_t{nodes} + 1) {
  for (const Edge& edge : edges) ++begin_[edge.from + size_t{1}];
  for (size_t node = 0; node < nodes; ++node) begin_[node + 1] += begin_[node];
  std::vector<size_t> next(begin_.begin(), begin_.end() - 1);
  for (const Edge& edge : edges) edges_[next[edge.from]++] = edge;
}

bool Walk::Follow(uint32_t state, const Edge& edge, uint32_t* to) const {
  if ((edge.kind & mask_) == 0) return false;
  if (!nonadjacent_) {
    *to = edge.to;
    return true;
  }
  const bool anti = (edge.kind & kAnyReadWrite) != 0;
  if (anti && state % 2 == 1) return false;
  *to = 2 * edge.to + (anti ? 1 : 0);
  return true;
}

void Walk::Components(std::vector<uint32_t>* component,
                      std::vector<std::vector<uint32_t>>* found) const {
  struct Frame {
    uint32_t state;
    size_t edge;
  };
  component->assign(states(), 0);
  found->clear();
  std::vector<uint32_t> number(states(), 0), low(states(), 0), stack;
  std::vector<Frame> frames;
  uint32_t numbers = 0, components = 0;
  const auto enter = [&](uint32_t state) {
    number[state] = low[state] = ++numbers;
    stack.push_back(state);
    frames.push_back({state, graph_.begin()[NodeOf(state)]});
  };
  const auto leave = [&](uint32_t state) {
    frames.pop_back();
    if (!frames.empty()) low[frames.back().state] = std::min(low[frames.back().state], low[state]);
    if (low[state] != number[state]) return;
    ++components;
    const auto first = std::find(stack.rbegin(), stack.rend(), state).base() - 1;
    for (auto member = first; member != stack.end(); ++member) (*component)[*member] = components;
    if (stack.end() - first > 1) found->emplace_back(first, stack.end());
    stack.erase(first, stack.end());
  };
  for (uint32_t root = 0; root < states(); ++root) {
    if (number[root] == 0) enter(root);
    while (!frames.empty()) {
      Frame& frame = frames.back();
      const uint32_t state = frame.state;
      if (frame.edge == graph_.begin()[NodeOf(state) + size_t{1}]) {
        leave(state);
        continue;
      }
      uint32_t to = 0;
      if (!Follow(state, graph_.edges()[frame.edge++], &to)) continue;
      if (number[to] == 0) {
        enter(to);
      } else if ((*component)[to] == 0) {  // on the stack
        low[state] = std::min(low[state], number[to]);
      }
    }
  }
}

std::vector<const Edge*> Walk::Shortest(uint32_t from, uint32_t to,
                                        const std::vector<uint32_t>& component,
                                        size_t* budget) const {
  struct Step {
    uint32_t before;
    const Edge* edge;
  };
  std::unordered_map<uint32_t, Step> reached;
  std::deque<uint32_t> waiting = {from};
  while (!waiting.empty() && *budget > 0) {
    --*budget;
    const uint32_t state = waiting.front();
    waiting.pop_front();
    const uint32_t node = NodeOf(state);
    for (size_t i = graph_.begin()[node]; i < graph_.begin()[node + size_t{1}]; ++i) {
      const Edge& edge = graph_.edges()[i];
      uint32_t next = 0;
      if (!Follow(state, edge, &next) || component[next] != component[from]) continue;
      if (!reached.try_emplace(next, Step{state, &edge}).second) continue;
      if (next != to) {
        waiting.push_back(next);
        continue;
      }
      std::vector<const Edge*> way;
      for (uint32_t at = to; way.empty() || at != from; at = reached.at(at).before) {
        way.push_back(reached.at(at).edge);
      }
      std::reverse(way.begin(), way.end());
      return way;
    }
  }
  return {};
}

}  // namespace logwood::test::history

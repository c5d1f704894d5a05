// The direct serialization graph of a history (Adya 1999, section 3.1), and the search for cycles
// in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace logwood::test::history {

// Bits, of which a mask chooses what counts.
enum EdgeKind : uint8_t {
  kWriteWrite = 1,       // it overwrote the other's version
  kWriteRead = 2,        // it read the other's version
  kReadWrite = 4,        // it overwrote what the other read
  kReadWriteAbsent = 8,  // and what the other read was that a scan did not show the key
  // The same two, of a reader that asked for no more than snapshot isolation: no obligation where
  // serializability is judged (Adya's mixed serialization graph).
  kReadWriteFree = 16,
  kSessionOrder = 32,
  kRealTime = 64,
};
inline constexpr uint8_t kAnyReadWrite = kReadWrite | kReadWriteAbsent | kReadWriteFree;
inline constexpr uint8_t kAnyOrder = kSessionOrder | kRealTime;

struct Edge {
  uint32_t from = 0, to = 0;
  EdgeKind kind = kWriteWrite;
  uint32_t version =
      0;  // that was written (of a read-write edge, next after the one that was read)
};

class Graph {
 public:
  Graph(uint32_t nodes, std::vector<Edge> edges);
  uint32_t nodes() const { return nodes_; }
  const std::vector<Edge>& edges() const { return edges_; }
  // Those from a node lie from [node] to [node + 1].
  const std::vector<size_t>& begin() const { return begin_; }

 private:
  uint32_t nodes_;
  std::vector<Edge> edges_;  // by `from`
  std::vector<size_t> begin_;
};

// A way through the graph: by edges of a mask, and, if so asked, never by two anti-dependencies in
// a row. For that each node is two states, of which the odd one is where an anti-dependency ends.
// A cycle of such states is what snapshot isolation does not have.
class Walk {
 public:
  Walk(const Graph& graph, uint8_t mask, bool nonadjacent)
      : graph_(graph), mask_(mask), nonadjacent_(nonadjacent) {}

  uint32_t states() const { return nonadjacent_ ? 2 * graph_.nodes() : graph_.nodes(); }
  uint32_t NodeOf(uint32_t state) const { return nonadjacent_ ? state / 2 : state; }
  // Where the edge leads from there; false: it may not be taken.
  bool Follow(uint32_t state, const Edge& edge, uint32_t* to) const;

  // Strongly connected components with more than one state (Tarjan 1972), without recursion.
  // `component` becomes each state's number, from 1; `found` those that have several.
  void Components(std::vector<uint32_t>* component,
                  std::vector<std::vector<uint32_t>>* found) const;
  // The shortest way between two states of one component, as edges; empty: there is none.
  // `budget` goes down by the states that were visited.
  std::vector<const Edge*> Shortest(uint32_t from, uint32_t to,
                                    const std::vector<uint32_t>& component, size_t* budget) const;

 private:
  const Graph& graph_;
  const uint8_t mask_;
  const bool nonadjacent_;
};

}  // namespace logwood::test::history

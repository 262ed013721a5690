// Graphs with scores out of a fuzzer's bytes, and what holds of every list of tracks (host only).
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "fpga_gnn/hit_lists.hpp"
#include "fpga_gnn/scored_edges.hpp"
#include "fuzz.hpp"

namespace fuzz {

struct scored_graph {
    std::int32_t n_nodes;
    std::vector<fpga_gnn::scored_edge_record> edges;  // strictly ascending by (src, dst)
};

// Up to two nodes and edges beyond the capacities of CFG; `ascending` edges have no cycle.
template <class CFG>
scored_graph any_graph(bytes& input, std::int64_t low, std::int64_t high, bool ascending) {
    scored_graph graph = {std::int32_t(input.edge(0, CFG::MAX_NODES + 2)), {}};
    const std::int64_t n = graph.n_nodes;
    const std::int64_t n_pairs = n * n;
    const std::int64_t most = std::min<std::int64_t>(n_pairs, CFG::MAX_EDGES + 2);
    std::int64_t left = input.edge(0, most), pair = -1;
    for (; left > 0; --left) {
        pair += input.edge(1, std::max<std::int64_t>(1, (n_pairs - pair) / left));
        if (pair >= n_pairs) {
            break;
        }
        const std::int32_t src = pair / n, dst = pair % n;
        if (!ascending || src < dst) {
            graph.edges.push_back({src, dst, std::int32_t(input.edge(low, high)), 0});
        }
    }
    return graph;
}

inline bool joined(const scored_graph& graph, std::int32_t src, std::int32_t dst) {
    return std::any_of(graph.edges.begin(), graph.edges.end(),
                       [&](const auto& edge) { return edge.src == src && edge.dst == dst; });
}

// Every node at most once, every step an edge, nothing beyond the capacities without a word.
template <class CFG>
void check_tracks(const scored_graph& graph, std::int32_t min_hits,
                  const std::vector<std::int32_t>& start, const std::vector<std::int32_t>& hits,
                  const fpga_gnn::track_status& status) {
    const bool fits = graph.n_nodes <= CFG::MAX_NODES &&
                      std::int64_t(graph.edges.size()) <= CFG::MAX_EDGES;
    const std::int32_t overflow = fpga_gnn::OVERFLOW_NODES | fpga_gnn::OVERFLOW_EDGES;
    require(fits == ((status.errors & overflow) == 0), "overflow");
    if (status.errors != 0) {
        require(!fits || status.n_hits <= graph.n_nodes, "hits");
        return;
    }
    require(status.n_hits <= graph.n_nodes && start[0] == 0, "sizes");
    require(start[status.n_tracks] == status.n_hits, "the last start");
    std::vector<bool> used(graph.n_nodes, false);
    for (std::int32_t t = 0; t < status.n_tracks; ++t) {
        require(start[t + 1] - start[t] >= min_hits, "a short track");
        for (std::int32_t i = start[t]; i < start[t + 1]; ++i) {
            require(hits[i] >= 0 && hits[i] < graph.n_nodes && !used[hits[i]], "a node twice");
            used[hits[i]] = true;
            require(i == start[t] || joined(graph, hits[i - 1], hits[i]), "a step without edge");
        }
    }
}

}  // namespace fuzz

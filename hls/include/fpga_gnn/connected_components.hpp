// Connected components: each node's label is the smallest node its kept edges lead to.
// Reference: fpga_gnn/reference/connected_components.py
// Law:   label(n) = smallest node index of n's weakly connected component of kept edges.
//        Union-find whose root is always the smaller node, with path halving: parent(n) <= n, so
//        every walk descends and one ascending pass resolves all labels.
// Needs: 0 <= src, dst < n_nodes (the host checks). Sizes above capacity: nothing is written and
//        the returned overflow bits name them.
// Cost:  N nodes, E edges: 3 N + E cycles and, per kept edge, two walks of dependent reads (two per
//        step) and a write. Steps: O(log N) amortised, at most MAX_NODES; 0.7 per kept edge on the
//        shipped pile-up 20 events. A count of the loops, not a synthesis result.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/width.hpp"

namespace fpga_gnn {

// One edge in global memory: 128 bits, one beat; the edge counts where keep is not zero.
struct edge_record {
    std::int32_t src, dst, keep, unused;
};
static_assert(sizeof(edge_record) == 16, "packed record");

constexpr std::int32_t OVERFLOW_NODES = 1;
constexpr std::int32_t OVERFLOW_EDGES = 2;

template <class CFG>
using node_index = ap_uint<width_of(CFG::MAX_NODES)>;

template <class CFG>
struct connected_components_memory {
    node_index<CFG> parent[CFG::MAX_NODES];
};

template <class CFG>
node_index<CFG> find_root(node_index<CFG> parent[], node_index<CFG> node) {
FIND:
    for (int step = 0; step < CFG::MAX_NODES; ++step) {
        const node_index<CFG> above = parent[node];
        if (above == node) {
            break;
        }
        const node_index<CFG> skipped = parent[above];
        parent[node] = skipped;
        node = skipped;
    }
    return node;
}

// Writes `labels` [n_nodes] and returns 0, or returns overflow bits and writes nothing.
template <class CFG>
std::int32_t connected_components(std::int32_t n_nodes, std::int32_t n_edges,
                                  const edge_record* edges,
                                  connected_components_memory<CFG>& memory, std::int32_t* labels) {
    const std::int32_t overflow = (n_nodes > CFG::MAX_NODES ? OVERFLOW_NODES : 0) |
                                  (n_edges > CFG::MAX_EDGES ? OVERFLOW_EDGES : 0);
    if (overflow != 0) {
        return overflow;
    }
INIT:
    for (int n = 0; n < n_nodes; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        memory.parent[n] = n;
    }
UNION:
    for (int e = 0; e < n_edges; ++e) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        const edge_record edge = edges[e];
        if (edge.keep != 0) {
            const node_index<CFG> one = find_root<CFG>(memory.parent, edge.src);
            const node_index<CFG> two = find_root<CFG>(memory.parent, edge.dst);
            if (one < two) {
                memory.parent[two] = one;
            } else {
                memory.parent[one] = two;
            }
        }
    }
RESOLVE:
    for (int n = 0; n < n_nodes; ++n) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const node_index<CFG> root = memory.parent[memory.parent[n]];
        memory.parent[n] = root;
        labels[n] = root;
    }
    return 0;
}

}  // namespace fpga_gnn

// Scored edges as a stream: what the track-building kernels read.
// Reference: fpga_gnn/reference/scored_edges.py
// Law:   the edges in canonical order, then one token with `last`, which carries no edge.
// Needs: src and dst are nodes of the graph, score fits in SCORE_BITS (the host checks). With more
//        nodes or edges than capacity, edges may be cut: the kernel behind reads no field of them.
// Cost:  n_edges + 1 cycles, one 128-bit beat each.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/connected_components.hpp"
#include "fpga_gnn/macros.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

// One edge in global memory: 128 bits, one beat.
struct scored_edge_record {
    std::int32_t src, dst, score, unused;
};
static_assert(sizeof(scored_edge_record) == 16, "packed record");

template <class CFG>
struct scored_edge {
    node_index<CFG> src, dst;
    ap_int<CFG::SCORE_BITS> score;
    bool last;
};

template <class CFG>
using edge_stream = hls::stream<scored_edge<CFG>>;

template <class CFG>
void read_edges(std::int32_t n_edges, const scored_edge_record* records, edge_stream<CFG>& edges) {
READ_EDGES:
    for (std::int32_t e = 0; e < n_edges; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        const scored_edge_record record = records[e];
        edges.write({record.src, record.dst, record.score, false});
    }
    edges.write({0, 0, 0, true});
}

}  // namespace fpga_gnn

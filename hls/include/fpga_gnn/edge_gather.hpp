// Gather the states of both ends of every edge: x[src], x[dst].
// Reference: fpga_gnn/reference/gather.py
// Law:   row e of `edge_states` is (row edge_index[e][0] of `x`, row edge_index[e][1] of `x`).
// Needs: node indices below n_nodes; n_nodes rows on `x`, n_edges rows on `edge_index`.
// Cost:  n_nodes + n_edges cycles at II = 1 and a dual-port memory of n_nodes rows. A count of the
//        loops, not a synthesis result.
#pragma once

#include "hls_stream.h"
#include "macros.hpp"

namespace fpga_gnn {

template <class x_T, class index_T, class state_T, class CONFIG_T>
void edge_gather(hls::stream<x_T>& x, hls::stream<index_T>& edge_index,
                 hls::stream<state_T>& edge_states) {
    static_assert(index_T::size == 2, "an edge is a (source, destination) pair");
    static_assert(state_T::size == 2 * x_T::size, "an edge carries the states of both its ends");

    // One word per node: its two ports serve the two reads of an edge in one cycle.
    typename x_T::value_type nodes[CONFIG_T::n_nodes][x_T::size];
    FPGA_GNN_HLS(array_reshape variable = nodes complete dim = 2)

STORE:
    for (unsigned n = 0; n < CONFIG_T::n_nodes; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        const x_T row = x.read();
    STORE_ROW:
        for (unsigned h = 0; h < x_T::size; ++h) {
            FPGA_GNN_HLS(unroll)
            nodes[n][h] = row[h];
        }
    }
GATHER:
    for (unsigned e = 0; e < CONFIG_T::n_edges; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        const index_T ends = edge_index.read();
        const unsigned src = ends[0], dst = ends[1];
        state_T state;
    GATHER_ROW:
        for (unsigned h = 0; h < x_T::size; ++h) {
            FPGA_GNN_HLS(unroll)
            state[h] = nodes[src][h];
            state[x_T::size + h] = nodes[dst][h];
        }
        edge_states.write(state);
    }
}

}  // namespace fpga_gnn

// Gather the states of both ends of every edge: x[src], x[dst].
// Reference: fpga_gnn/reference/gather.py
// Law:   res[e] = (x[edge_index[e][0]], x[edge_index[e][1]]), rows in edge order.
// Needs: node indices below n_nodes; n_nodes rows on x, n_edges rows on edge_index.
// Cost:  n_nodes + n_edges cycles at II=1, one memory of n_nodes rows.
#pragma once

#include "hls_stream.h"

namespace fpga_gnn {

template <class x_T, class index_T, class res_T, typename CONFIG_T>
void edge_gather(hls::stream<x_T> &x, hls::stream<index_T> &edge_index, hls::stream<res_T> &res) {
    static_assert(index_T::size == 2, "an edge is a (source, destination) pair");
    static_assert(res_T::size == 2 * x_T::size, "an edge carries the states of both its ends");

    // One word per node: a dual-port memory serves the two reads of an edge in one cycle.
    typename x_T::value_type nodes[CONFIG_T::n_nodes][x_T::size];
    #pragma HLS ARRAY_RESHAPE variable=nodes complete dim=2

NodeLoop:
    for (unsigned n = 0; n < CONFIG_T::n_nodes; n++) {
        #pragma HLS PIPELINE II=1
        x_T row = x.read();
        for (unsigned h = 0; h < x_T::size; h++) {
            #pragma HLS UNROLL
            nodes[n][h] = row[h];
        }
    }

EdgeLoop:
    for (unsigned e = 0; e < CONFIG_T::n_edges; e++) {
        #pragma HLS PIPELINE II=1
        index_T ends = edge_index.read();
        const unsigned src = ends[0], dst = ends[1];
        res_T row;
        for (unsigned h = 0; h < x_T::size; h++) {
            #pragma HLS UNROLL
            row[h] = nodes[src][h];
            row[x_T::size + h] = nodes[dst][h];
        }
        res.write(row);
    }
}

} // namespace fpga_gnn

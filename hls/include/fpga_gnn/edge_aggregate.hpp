// Sum the messages of every node's edges: over its in-edges, then over its out-edges.
// Reference: fpga_gnn/reference/aggregate.py
// Law:   sums[n] = (sum of messages[e] with dst[e] == n, sum of messages[e] with src[e] == n).
// Needs: node indices below n_nodes; n_edges rows on messages and edge_index; a sums type that
//        holds n_edges messages (messages' bits + ceil(log2 n_edges)).
// Cost:  2 n_nodes + n_edges cycles at II=1, two memories of n_nodes rows.
#pragma once

#include "hls_stream.h"

namespace fpga_gnn {

// The sum of the last node touched stays in registers and goes to memory when another node is
// touched. So one iteration never reads the row that it writes: the dependence pragma tells the
// scheduler, which could not reach II=1 otherwise.
template <class message_T, class value_T, unsigned n_nodes, unsigned width>
void add_message(const message_T &message, unsigned node, value_T (&memory)[n_nodes][width], value_T (&open)[width],
                 unsigned &open_node) {
    #pragma HLS INLINE
    #pragma HLS DEPENDENCE variable=memory intra RAW false
    if (node != open_node) {
        for (unsigned h = 0; h < width; h++) {
            #pragma HLS UNROLL
            memory[open_node][h] = open[h];
            open[h] = memory[node][h];
        }
        open_node = node;
    }
    for (unsigned h = 0; h < width; h++) {
        #pragma HLS UNROLL
        open[h] += message[h];
    }
}

template <class message_T, class index_T, class sum_T, typename CONFIG_T>
void edge_aggregate(hls::stream<message_T> &messages, hls::stream<index_T> &edge_index, hls::stream<sum_T> &sums) {
    static_assert(index_T::size == 2, "an edge is a (source, destination) pair");
    static_assert(sum_T::size == 2 * message_T::size, "a node has an in-sum and an out-sum");
    typedef typename sum_T::value_type value_T;
    const unsigned width = message_T::size;

    value_T incoming[CONFIG_T::n_nodes][width], outgoing[CONFIG_T::n_nodes][width];
    value_T open_in[width], open_out[width];
    unsigned in_node = 0, out_node = 0;
    #pragma HLS ARRAY_RESHAPE variable=incoming complete dim=2
    #pragma HLS ARRAY_RESHAPE variable=outgoing complete dim=2
    #pragma HLS ARRAY_PARTITION variable=open_in complete
    #pragma HLS ARRAY_PARTITION variable=open_out complete

ClearLoop:
    for (unsigned n = 0; n < CONFIG_T::n_nodes; n++) {
        #pragma HLS PIPELINE II=1
        for (unsigned h = 0; h < width; h++) {
            #pragma HLS UNROLL
            incoming[n][h] = outgoing[n][h] = open_in[h] = open_out[h] = 0;
        }
    }

EdgeLoop:
    for (unsigned e = 0; e < CONFIG_T::n_edges; e++) {
        #pragma HLS PIPELINE II=1
        message_T message = messages.read();
        index_T ends = edge_index.read();
        add_message(message, ends[1], incoming, open_in, in_node);
        add_message(message, ends[0], outgoing, open_out, out_node);
    }

NodeLoop:
    for (unsigned n = 0; n < CONFIG_T::n_nodes; n++) {
        #pragma HLS PIPELINE II=1
        sum_T row;
        for (unsigned h = 0; h < width; h++) {
            #pragma HLS UNROLL
            row[h] = n == in_node ? open_in[h] : incoming[n][h];
            row[width + h] = n == out_node ? open_out[h] : outgoing[n][h];
        }
        sums.write(row);
    }
}

} // namespace fpga_gnn

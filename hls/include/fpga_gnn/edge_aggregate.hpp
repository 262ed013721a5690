// Join the messages of every node's edges: over its in-edges, then over its out-edges.
// Reference: fpga_gnn/reference/aggregate.py
// Law:   row n of `joined` is (CONFIG_T::join over messages e with dst(e) == n, same with
//        src(e) == n), starting at zero: their sum, or the largest of them and zero.
// Needs: node indices below n_nodes; n_edges rows on `messages` and `edge_index`; a joined type
//        that holds n_edges messages: for a sum their bits + ceil(log2 n_edges), for a maximum
//        the type of a message.
// Cost:  2 n_nodes + n_edges cycles at II = 1 and two memories of n_nodes rows. A count of the
//        loops, not a synthesis result.
#pragma once

#include "hls_stream.h"
#include "macros.hpp"

namespace fpga_gnn {

// CONFIG_T::join: how one more message changes what those before it gave.
struct join_sum {
    template <class value_T, class message_T>
    static void add(value_T& joined, const message_T& message) {
        FPGA_GNN_HLS(inline)
        joined += message;
    }
};

struct join_max {
    template <class value_T>
    static void add(value_T& joined, const value_T& message) {
        FPGA_GNN_HLS(inline)
        if (joined < message) {
            joined = message;
        }
    }
};

// Joins `message` to the row of `node`. The row of the last node touched is open: it stays in
// registers until another node is touched.
template <class JOIN, class value_T, unsigned n_nodes, unsigned width, class message_T>
void add_message(value_T (&memory)[n_nodes][width], value_T (&open)[width], unsigned& open_node,
                 unsigned node, const message_T& message) {
    FPGA_GNN_HLS(inline)
    // Within one edge the row written is never the row read, which the scheduler cannot see.
    FPGA_GNN_HLS(dependence variable = memory intra RAW false)
    if (node != open_node) {
    SWITCH_ROW:
        for (unsigned h = 0; h < width; ++h) {
            FPGA_GNN_HLS(unroll)
            memory[open_node][h] = open[h];
            open[h] = memory[node][h];
        }
        open_node = node;
    }
ADD_ROW:
    for (unsigned h = 0; h < width; ++h) {
        FPGA_GNN_HLS(unroll)
        JOIN::add(open[h], message[h]);
    }
}

template <class message_T, class index_T, class joined_T, class CONFIG_T>
void edge_aggregate(hls::stream<message_T>& messages, hls::stream<index_T>& edge_index,
                    hls::stream<joined_T>& joined) {
    static_assert(index_T::size == 2, "an edge is a (source, destination) pair");
    static_assert(joined_T::size == 2 * message_T::size, "a node has in-edges and out-edges");
    constexpr unsigned width = message_T::size;

    typename joined_T::value_type incoming[CONFIG_T::n_nodes][width], open_in[width];
    typename joined_T::value_type outgoing[CONFIG_T::n_nodes][width], open_out[width];
    unsigned in_node = 0, out_node = 0;
    FPGA_GNN_HLS(array_reshape variable = incoming complete dim = 2)
    FPGA_GNN_HLS(array_reshape variable = outgoing complete dim = 2)
    FPGA_GNN_HLS(array_partition variable = open_in complete)
    FPGA_GNN_HLS(array_partition variable = open_out complete)

CLEAR:
    for (unsigned n = 0; n < CONFIG_T::n_nodes; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
    CLEAR_ROW:
        for (unsigned h = 0; h < width; ++h) {
            FPGA_GNN_HLS(unroll)
            incoming[n][h] = outgoing[n][h] = open_in[h] = open_out[h] = 0;
        }
    }
ADD:
    for (unsigned e = 0; e < CONFIG_T::n_edges; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        const message_T message = messages.read();
        const index_T ends = edge_index.read();
        add_message<typename CONFIG_T::join>(outgoing, open_out, out_node, ends[0], message);
        add_message<typename CONFIG_T::join>(incoming, open_in, in_node, ends[1], message);
    }
SEND:
    for (unsigned n = 0; n < CONFIG_T::n_nodes; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        joined_T row;
    SEND_ROW:
        for (unsigned h = 0; h < width; ++h) {
            FPGA_GNN_HLS(unroll)
            row[h] = n == in_node ? open_in[h] : incoming[n][h];
            row[width + h] = n == out_node ? open_out[h] : outgoing[n][h];
        }
        joined.write(row);
    }
}

}  // namespace fpga_gnn

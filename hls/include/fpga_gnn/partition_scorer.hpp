// Partition scorer: the edge classifier on a partition in global memory.
// Reference: fpga_gnn/graphs/partition.py
// Law:   scores[e] is what the classifier NET gives edge slot e of the partition, for all slots.
// Needs: all slots of PART, packed as fpga_gnn/graphs/partition.py does (unused ones zero, unused
//        edges at the last node); ends of edges below MAX_NODES; scores of 16 bits or fewer.
// Cost:  a partition every 2 MAX_NODES + MAX_EDGES cycles, as the classifier.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/classifier_rows.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/module_map_records.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

template <class PART, class NET>
void read_nodes(const graph_node_record* nodes, hls::stream<typename NET::node_row>& rows) {
READ_NODES:
    for (int n = 0; n < PART::MAX_NODES; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        rows.write(feature_row_of<typename NET::node_row>(nodes[n].features, true));
    }
}

template <class PART, class NET>
void read_edges(const graph_edge_record* edges, hls::stream<typename NET::edge_row>& rows,
                hls::stream<typename NET::index_row>& ends) {
READ_EDGES:
    for (int e = 0; e < PART::MAX_EDGES; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        const graph_edge_record edge = edges[e];
        rows.write(feature_row_of<typename NET::edge_row>(edge.features, true));
        typename NET::index_row ends_of_edge;
        ends_of_edge[0] = edge.src;
        ends_of_edge[1] = edge.dst;
        ends.write(ends_of_edge);
    }
}

template <class PART, class NET>
void write_scores(hls::stream<typename NET::score_row>& rows, std::int16_t* scores) {
    constexpr int SCORE_BITS = NET::score_row::value_type::width;
    static_assert(SCORE_BITS <= 16, "a score is written as 16 bits");
WRITE_SCORES:
    for (int e = 0; e < PART::MAX_EDGES; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        typename NET::score_row row = rows.read();
        scores[e] = ap_int<SCORE_BITS>(row[0].range()).to_int();
    }
}

template <class PART, class NET>
void partition_scorer(const graph_node_record* nodes, const graph_edge_record* edges,
                      std::int16_t* scores) {
    FPGA_GNN_HLS(dataflow)
    hls::stream<typename NET::node_row> node_rows("node_rows");
    hls::stream<typename NET::edge_row> edge_rows("edge_rows");
    hls::stream<typename NET::index_row> index_rows("index_rows");
    FPGA_GNN_HLS(stream variable = edge_rows depth = EDGE_ROWS_AHEAD)
    FPGA_GNN_HLS(stream variable = index_rows depth = EDGE_ROWS_AHEAD)
    hls::stream<typename NET::score_row> score_rows("score_rows");
    read_nodes<PART, NET>(nodes, node_rows);
    read_edges<PART, NET>(edges, edge_rows, index_rows);
    NET::score(node_rows, edge_rows, index_rows, score_rows);
    write_scores<PART, NET>(score_rows, scores);
}

}  // namespace fpga_gnn

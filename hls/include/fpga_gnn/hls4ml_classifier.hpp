// The edge classifier that hls4ml wrote, as the NET of track_finder.hpp: its rows and its call.
// Reference: fpga_gnn/export/hls4ml_project.py
// Law:   scores[e] of MAX_EDGES edge slots, from the integers of fpga_gnn/graphs/partition.py's
//        slots as raw bits of the project's types.
// Needs: the project's folder on the include path.
// Cost:  the project's.
#pragma once

#include "firmware/edge_classifier.h"
#include "fpga_gnn/macros.hpp"

namespace fpga_gnn {

struct hls4ml_classifier {
    using node_row = input_t;
    using edge_row = input2_t;
    using index_row = input3_t;
    using score_row = result_t;

    static void score(hls::stream<node_row>& nodes, hls::stream<edge_row>& edges,
                      hls::stream<index_row>& index, hls::stream<score_row>& scores) {
        FPGA_GNN_HLS(inline)
        edge_classifier(nodes, edges, index, scores);
    }
};

}  // namespace fpga_gnn

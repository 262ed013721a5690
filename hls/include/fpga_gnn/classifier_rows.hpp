// Rows of the edge classifier's streams, from records in global memory.
// Reference: fpga_gnn/graphs/partition.py
// Law:   a feature's integer is the raw bits of its column; a row that is not used is zero.
// Needs: as many features in a record as ROW has columns.
// Cost:  wires.
#pragma once

#include <cstdint>

#include "fpga_gnn/macros.hpp"

namespace fpga_gnn {

// Depth of the streams of edge rows and of their ends, which one process writes in turn: a pipeline
// of the classifier may hold rows of the one until it gets more, while the other waits for them.
constexpr int EDGE_ROWS_AHEAD = 128;

template <class ROW>
ROW feature_row_of(const std::int16_t features[], bool used) {
    FPGA_GNN_HLS(inline)
    ROW row;
FEATURES:
    for (unsigned column = 0; column < ROW::size; ++column) {
        FPGA_GNN_HLS(unroll)
        row[column].range() = used ? features[column] : std::int16_t(0);
    }
    return row;
}

}  // namespace fpga_gnn

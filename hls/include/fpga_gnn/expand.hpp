// Scan of index ranges, one item per iteration, so that nested loops run without pipeline refills.
// Reference: fpga_gnn/reference/module_map.py (_expand)
// Law:   next() steps to the following item of first..last-1 of every range, in order. `load` marks
//        items that fill a buffer of the reader, `end` the end of the stream.
// Needs: first < last in every range but the end mark.
// Cost:  one step per cycle (II=1): the loop-carried state is the item and a read of the FIFO.
#pragma once

#include "fpga_gnn/macros.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

template <class OWNER, class ITEM>
struct scan_range {
    OWNER owner;
    ITEM first, last;
    bool load, end;
};

template <class OWNER, class ITEM>
struct range_scan {
    scan_range<OWNER, ITEM> range = {OWNER(), 0, 0, false, false};
    ITEM item = 0;

    void next(hls::stream<scan_range<OWNER, ITEM>>& ranges) {
        FPGA_GNN_HLS(inline)
        if (range.first == range.last) {
            range = ranges.read();
        }
        item = range.first;
        if (!range.end) {
            ++range.first;
        }
    }
};

}  // namespace fpga_gnn

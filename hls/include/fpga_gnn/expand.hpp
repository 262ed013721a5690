// Expansion of index ranges into single steps, so that nested loops run without pipeline refills.
// Reference: fpga_gnn/reference/module_map.py (_expand)
// Law:   every item of first..last-1 of every range, in order; `end` marks the end of the stream.
// Needs: at most MAX_STEPS steps and first < last in every range but the end mark.
// Cost:  II=1, one cycle per step; the only loop-carried state is the item counter.
#pragma once

#include <cstdint>

#include "fpga_gnn/macros.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

template <class OWNER, class ITEM>
struct scan_range {
    OWNER owner;
    ITEM first, last;
    bool end;
};

template <class OWNER, class ITEM>
struct scan_step {
    OWNER owner;
    ITEM item;
    bool end;
};

template <std::int64_t MAX_STEPS, class OWNER, class ITEM>
void expand(hls::stream<scan_range<OWNER, ITEM>>& ranges,
            hls::stream<scan_step<OWNER, ITEM>>& steps) {
    scan_range<OWNER, ITEM> range = {OWNER(), 0, 0, false};
EXPAND:
    for (std::int64_t step = 0; step <= MAX_STEPS; ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        if (range.first == range.last) {
            range = ranges.read();
        }
        steps.write({range.owner, range.first, range.end});
        if (range.end) {
            break;
        }
        ++range.first;
    }
}

}  // namespace fpga_gnn

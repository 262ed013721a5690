// Read-modify-write of a table at II = 1: writes wait in registers, where reads look first.
// Reference: fpga_gnn/reference/track_builder.py
// Law:   read(table, at) is the last value given to step() for `at`, or table[at] if none is
//        waiting. A write reaches the table STAGES steps after its step(), or at drain(). Where the
//        value takes long to make, a loop asks is_waiting(at) and reads only if it is not.
// Needs: one step() after each read(); drain() before anything else reads the table. STAGES is at
//        least the read latency of the table's memory and the cycle that makes the new value.
// Cost:  STAGES comparators and multiplexers. The table itself is written STAGES steps after it
//        was read, so that a tool finds II = 1 without a promise that there is no dependence.
#pragma once

#include "fpga_gnn/macros.hpp"

namespace fpga_gnn {

template <class INDEX, class VALUE, int STAGES = 4>
class delayed_writes {
  public:
    VALUE read(const VALUE table[], INDEX at) const {
        FPGA_GNN_HLS(inline)
        VALUE found = table[at];
    NEWEST_WINS:
        for (int stage = STAGES - 1; stage >= 0; --stage) {
            FPGA_GNN_HLS(unroll)
            if (waiting_[stage].valid && waiting_[stage].at == at) {
                found = waiting_[stage].value;
            }
        }
        return found;
    }

    bool is_waiting(INDEX at) const {
        FPGA_GNN_HLS(inline)
        bool waiting = false;
    ANY:
        for (int stage = 0; stage < STAGES; ++stage) {
            FPGA_GNN_HLS(unroll)
            waiting |= waiting_[stage].valid && waiting_[stage].at == at;
        }
        return waiting;
    }

    void step(VALUE table[], bool valid, INDEX at, VALUE value) {
        FPGA_GNN_HLS(inline)
        const entry oldest = waiting_[STAGES - 1];
        if (oldest.valid) {
            table[oldest.at] = oldest.value;
        }
    SHIFT:
        for (int stage = STAGES - 1; stage > 0; --stage) {
            FPGA_GNN_HLS(unroll)
            waiting_[stage] = waiting_[stage - 1];
        }
        waiting_[0] = {valid, at, value};
    }

    void drain(VALUE table[]) {
    DRAIN:
        for (int stage = 0; stage < STAGES; ++stage) {
            step(table, false, 0, VALUE());
        }
    }

  private:
    struct entry {
        bool valid = false;
        INDEX at = 0;
        VALUE value = VALUE();
    };
    entry waiting_[STAGES];
};

}  // namespace fpga_gnn

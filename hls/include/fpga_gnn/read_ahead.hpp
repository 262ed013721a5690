// Values read ahead of their use: II = 1 where the next address depends on what was read.
// Reference: fpga_gnn/reference/dwalk.py
// Law:   read_ahead hands out what it was given, in order, not before LATENCY steps have passed.
//        row_scan goes through first .. last - 1 of every row that it was given, in order.
// Needs: one step() or give() per iteration, with a value only while there is room, then at most
//        one take() or next(). first < last. LATENCY: the cycles from the address to the value.
// Cost:  a value and an item per step, registers for LATENCY values and a FIFO. What is read comes
//        back through LATENCY registers, so that a tool finds II = 1 without a promise.
#pragma once

#include "fpga_gnn/macros.hpp"

namespace fpga_gnn {

// The cycles that a read of a memory takes, and `n` reads each of which gives the next address.
constexpr int READ_CYCLES = 2;
constexpr int after_reads(int n) { return n * READ_CYCLES + 1; }

template <class VALUE, int STEPS>
class delay_line {
  public:
    // Returns what was given STEPS shifts ago.
    VALUE shift(const VALUE& value) {
        FPGA_GNN_HLS(inline)
        const VALUE oldest = values_[STEPS - 1];
    SHIFT:
        for (int stage = STEPS - 1; stage > 0; --stage) {
            FPGA_GNN_HLS(unroll)
            values_[stage] = values_[stage - 1];
        }
        values_[0] = value;
        return oldest;
    }

  private:
    VALUE values_[STEPS] = {};
};

template <class VALUE, int LATENCY>
class read_ahead {
  public:
    bool has_room() const { return n_held_ != SLOTS; }
    bool empty() const { return n_held_ == 0; }
    bool ready() const { return n_ready_ != 0; }
    // The value that take() returns.
    const VALUE& front() const { return ready_[oldest_]; }

    void step(bool given, const VALUE& value) {
        FPGA_GNN_HLS(inline)
        FPGA_GNN_HLS(array_partition variable = ready_ complete)
        n_held_ += given;
        const maybe arrived = coming_.shift({given, value});
        if (arrived.given) {
            ready_[(oldest_ + n_ready_) % SLOTS] = arrived.value;
            ++n_ready_;
        }
    }

    VALUE take() {
        FPGA_GNN_HLS(inline)
        const VALUE value = front();
        oldest_ = (oldest_ + 1) % SLOTS;
        --n_ready_;
        --n_held_;
        return value;
    }

  private:
    static constexpr int SLOTS = LATENCY < 7 ? 8 : 16;
    static_assert(LATENCY + 2 <= SLOTS, "a value per step");
    struct maybe {
        bool given;
        VALUE value;
    };
    delay_line<maybe, LATENCY> coming_;
    VALUE ready_[SLOTS] = {};
    int oldest_ = 0, n_ready_ = 0, n_held_ = 0;
};

template <class ROW, class ITEM, int LATENCY>
class row_scan {
  public:
    ROW row = {};
    ITEM item = 0;
    bool is_first = false, is_last = false;  // item of the row

    bool wants_row() const { return rows_.has_room(); }
    bool is_through() const { return !is_open_ && rows_.empty(); }

    void give(bool given, const ROW& next_row) {
        FPGA_GNN_HLS(inline)
        rows_.step(given, next_row);
    }

    // Goes to the next item; false: none has arrived.
    bool next() {
        FPGA_GNN_HLS(inline)
        if (is_open_) {
            ++item;
        } else if (rows_.ready()) {
            row = rows_.take();
            item = row.first;
        } else {
            return false;
        }
        is_first = !is_open_;
        is_last = item + 1 == row.last;
        is_open_ = !is_last;
        return true;
    }

  private:
    read_ahead<ROW, LATENCY> rows_;
    bool is_open_ = false;
};

}  // namespace fpga_gnn

// Acceptance windows: inclusive bounds, ratios compared without a division.
// Reference: fpga_gnn/reference/window.py
// Law:   accepts        low <= value <= high
//        accepts_ratio  low <= numerator * 2^SHIFT / denominator <= high, cross-multiplied; a zero
//                       denominator makes +infinity (positive_at_zero) or -infinity
//        A bound at the end of its format (low: smallest, high: largest) is open: it accepts all.
// Needs: low and high within BITS. Products are exact: widths follow from the operands.
// Cost:  combinational; accepts_ratio takes two BITS x DENOMINATOR multipliers.
#pragma once

#include "ap_int.h"
#include "fpga_gnn/width.hpp"

namespace fpga_gnn {

template <int BITS>
struct window {
    ap_int<BITS> low, high;

    bool open_below() const { return low == ap_int<BITS>(ap_int<BITS>(1) << (BITS - 1)); }
    bool open_above() const { return high == ap_int<BITS>(~(ap_int<BITS>(1) << (BITS - 1))); }
};

template <int BITS, int VALUE>
bool accepts(const window<BITS>& bounds, const ap_int<VALUE>& value) {
    return (bounds.open_below() || bounds.low <= value) &&
           (bounds.open_above() || value <= bounds.high);
}

template <int SHIFT, int BITS, int NUMERATOR, int DENOMINATOR>
bool accepts_ratio(const window<BITS>& bounds, const ap_int<NUMERATOR>& numerator,
                   const ap_int<DENOMINATOR>& denominator, bool positive_at_zero) {
    static_assert(SHIFT >= 0, "the window has fewer fraction bits than the ratio");
    if (denominator == 0) {
        return positive_at_zero ? bounds.open_above() : bounds.open_below();
    }
    // One bit more than the operands: the negative of the smallest integer must fit.
    ap_int<NUMERATOR + 1> positive_numerator = numerator;
    ap_int<DENOMINATOR + 1> positive_denominator = denominator;
    if (denominator < 0) {
        positive_numerator = -positive_numerator;
        positive_denominator = -positive_denominator;
    }
    using product = ap_int<larger(NUMERATOR + 1 + SHIFT, DENOMINATOR + 1 + BITS)>;
    const product scaled = product(positive_numerator) << SHIFT;
    const product low = bounds.low * positive_denominator;
    const product high = bounds.high * positive_denominator;
    return (bounds.open_below() || low <= scaled) && (bounds.open_above() || scaled <= high);
}

}  // namespace fpga_gnn

// Integer features of nodes and edges in the classifier's input format.
// Reference: fpga_gnn/graphs/graph.py
// Law:   each feature of NODE_x >= 0 or EDGE_x >= 0 in LSB of 2^x_SHIFT units, rounded once,
//        half to even, then saturated to FEATURE_BITS. Of the edge (h1, h2), in the units of the hit
//        record: dr, dphi, dz, deta; phi_slope = dphi/dr (frac of its window), r_phi_slope =
//        (r1+r2) dphi / (2 dr), z0 = (z1 dr - r1 dz)/dr, direction = dz/(|dr|+|dz|)
//        (frac DIRECTION_FRAC). x/0 saturates with the sign of x, 0/0 is 0.
// Needs: integers within CFG's formats. Numerators of up to 62 bits (the contract checks).
// Cost:  combinational, or a pipeline of II=1 with one divider per ratio.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/hit_windows.hpp"
#include "fpga_gnn/width.hpp"

namespace fpga_gnn {

// Columns of a row; `n_saturated` of them were clipped.
template <class CFG, int COLUMNS>
struct feature_row {
    ap_int<CFG::FEATURE_BITS> column[COLUMNS];
    ap_uint<width_of(COLUMNS)> n_saturated;
};
template <class CFG>
using node_features = feature_row<CFG, CFG::NODE_FEATURES>;
template <class CFG>
using edge_features = feature_row<CFG, CFG::EDGE_FEATURES>;

// Clips `negative ? -size : size`.
template <int COLUMN, class CFG, int COLUMNS, int WIDTH>
void set_feature(feature_row<CFG, COLUMNS>& row, bool negative, const ap_uint<WIDTH>& size) {
    constexpr std::int64_t LARGEST = (std::int64_t(1) << (CFG::FEATURE_BITS - 1)) - 1;
    const std::int64_t limit = negative ? LARGEST + 1 : LARGEST;
    const bool clipped = size > ap_uint<64>(limit);
    const std::int64_t kept = clipped ? limit : std::int64_t(size);
    row.column[COLUMN] = negative ? -kept : kept;
    row.n_saturated += clipped;
}

template <int WIDTH>
ap_uint<WIDTH> magnitude(const ap_int<WIDTH>& value) {
    return value < 0 ? ap_uint<WIDTH>(-value) : ap_uint<WIDTH>(value);
}

// Half to even is symmetric, so sizes are rounded: `quotient` up if twice the rest tops `divisor`.
template <int WIDTH>
ap_uint<WIDTH + 1> round_half_even(const ap_uint<WIDTH>& quotient, const ap_uint<WIDTH>& rest,
                                   const ap_uint<WIDTH>& divisor) {
    const ap_uint<WIDTH + 1> twice = ap_uint<WIDTH + 1>(rest) << 1;
    const bool odd = (quotient & 1) != 0;
    return ap_uint<WIDTH + 1>(quotient) + (twice > divisor || (twice == divisor && odd) ? 1 : 0);
}

// value / 2^SHIFT.
template <int COLUMN, int SHIFT, class CFG, int COLUMNS, int WIDTH>
void set_shifted(feature_row<CFG, COLUMNS>& row, const ap_int<WIDTH>& value) {
    if constexpr (COLUMN >= 0) {
        constexpr int LEFT = larger(-SHIFT, 0), RIGHT = larger(SHIFT, 0);
        using wide = ap_uint<WIDTH + LEFT + RIGHT + 1>;
        const wide size = wide(magnitude(value)) << LEFT;
        const wide divisor = wide(1) << RIGHT;
        const wide rest = size & (divisor - 1);
        set_feature<COLUMN>(row, value < 0, round_half_even(wide(size >> RIGHT), rest, divisor));
    }
}

// numerator * 2^FRAC / denominator / 2^SHIFT.
template <int COLUMN, int FRAC, int SHIFT, class CFG, int COLUMNS, int NUMERATOR, int DENOMINATOR>
void set_ratio(feature_row<CFG, COLUMNS>& row, const ap_int<NUMERATOR>& numerator,
               const ap_int<DENOMINATOR>& denominator) {
    if constexpr (COLUMN >= 0) {
        constexpr int LEFT = larger(FRAC - SHIFT, 0), RIGHT = larger(SHIFT - FRAC, 0);
        using wide = ap_uint<larger(NUMERATOR + LEFT, DENOMINATOR + RIGHT)>;
        const wide dividend = wide(magnitude(numerator)) << LEFT;
        const wide divisor = wide(magnitude(denominator)) << RIGHT;
        const bool negative = (numerator < 0) != (denominator < 0);
        if (divisor == 0) {
            const ap_uint<64> infinite = numerator == 0 ? 0 : -1;
            set_feature<COLUMN>(row, numerator < 0, infinite);
        } else {
            const wide quotient = dividend / divisor;
            const wide rest = dividend - quotient * divisor;
            set_feature<COLUMN>(row, negative, round_half_even(quotient, rest, divisor));
        }
    }
}

template <class CFG>
node_features<CFG> features_of_node(const hit<CFG>& node) {
    node_features<CFG> row;
    row.n_saturated = 0;
    set_shifted<CFG::NODE_R, CFG::NODE_R_SHIFT>(row, node.r);
    set_shifted<CFG::NODE_PHI, CFG::NODE_PHI_SHIFT>(row, node.phi);
    set_shifted<CFG::NODE_Z, CFG::NODE_Z_SHIFT>(row, node.z);
    set_shifted<CFG::NODE_ETA, CFG::NODE_ETA_SHIFT>(row, node.eta);
    return row;
}

template <class CFG>
edge_features<CFG> features_of_edge(const hit<CFG>& one, const hit<CFG>& two) {
    constexpr int LENGTH = CFG::LENGTH_BITS, PHI = CFG::PHI_BITS;
    const ap_int<LENGTH + 1> dr = two.r - one.r, dz = two.z - one.z;
    const ap_int<LENGTH + 1> sum_r = one.r + two.r;
    const ap_int<PHI> dphi = two.phi - one.phi;
    const ap_int<CFG::ETA_BITS + 1> deta = one.eta - two.eta;
    const ap_int<LENGTH + 2> twice_dr = ap_int<LENGTH + 2>(dr) << 1;
    const ap_int<LENGTH + 1 + PHI> arc = sum_r * dphi;
    const ap_int<2 * LENGTH + 2> z0 = one.z * dr - one.r * dz;
    const ap_int<LENGTH + 3> path = magnitude(dr) + magnitude(dz);
    edge_features<CFG> row;
    row.n_saturated = 0;
    set_shifted<CFG::EDGE_DR, CFG::EDGE_DR_SHIFT>(row, dr);
    set_shifted<CFG::EDGE_DPHI, CFG::EDGE_DPHI_SHIFT>(row, dphi);
    set_shifted<CFG::EDGE_DZ, CFG::EDGE_DZ_SHIFT>(row, dz);
    set_shifted<CFG::EDGE_DETA, CFG::EDGE_DETA_SHIFT>(row, deta);
    set_ratio<CFG::EDGE_PHI_SLOPE, CFG::PHI_SLOPE_FRAC, CFG::EDGE_PHI_SLOPE_SHIFT>(row, dphi, dr);
    set_ratio<CFG::EDGE_R_PHI_SLOPE, 0, CFG::EDGE_R_PHI_SLOPE_SHIFT>(row, arc, twice_dr);
    set_ratio<CFG::EDGE_Z0, 0, CFG::EDGE_Z0_SHIFT>(row, z0, dr);
    set_ratio<CFG::EDGE_DIRECTION, CFG::DIRECTION_FRAC, CFG::EDGE_DIRECTION_SHIFT>(row, dz, path);
    return row;
}

}  // namespace fpga_gnn

// Windows of the module map: what a pair and a triple of hits must pass.
// Reference: fpga_gnn/reference/module_map.py
// Law:   pair (h1, h2): dr = r2-r1, dz = z2-z1, dphi = wrap(phi2-phi1), deta = eta1-eta2,
//          z0 = (z1*dr - r1*dz)/dr and phi_slope = dphi/dr lie in the doublet windows
//          (dr = 0: the ratios are infinite with the sign of dz and dphi).
//        triple (h1, h2, h3): both pairs lie in the triplet's doublet windows and
//          dydx = SIGN (y2-y1)/(x1-x2) - (y2-y3)/(x2-x3), dzdr = (z2-z1)/(r2-r1) - (z3-z2)/(r3-r2)
//          in its own (zero denominator: infinite with the sign of the numerator).
//        SIGN is 1 (the compatible law) or -1 (the physical one).
// Needs: integers within CFG's formats.
// Cost:  combinational. Multipliers of LENGTH_BITS x LENGTH_BITS and more: a pair 6, a triple's
//        slopes 10; the cheap tests come first, which matters to a simulation only.
#pragma once

#include "ap_int.h"
#include "fpga_gnn/window.hpp"

namespace fpga_gnn {

template <class CFG>
struct hit {
    ap_int<CFG::LENGTH_BITS> x, y, z, r;
    ap_int<CFG::PHI_BITS> phi;
    ap_int<CFG::ETA_BITS> eta;
};

template <class CFG>
struct doublet_windows {
    window<CFG::Z0_BITS> z0;
    window<CFG::DPHI_BITS> dphi;
    window<CFG::DETA_BITS> deta;
    window<CFG::PHI_SLOPE_BITS> phi_slope;
};

// What the second pair of a triple must pass.
template <class CFG>
struct outer_windows {
    doublet_windows<CFG> pair;
    window<CFG::DYDX_BITS> dydx;
    window<CFG::DZDR_BITS> dzdr;
};

template <class CFG>
bool doublet_accepts(const doublet_windows<CFG>& windows, const hit<CFG>& one,
                     const hit<CFG>& two) {
    static_assert(CFG::Z0_FRAC == CFG::LENGTH_FRAC, "z0 is in length LSB");
    static_assert(CFG::DPHI_FRAC == CFG::PHI_FRAC, "dphi is in phi LSB");
    static_assert(CFG::DETA_FRAC == CFG::ETA_FRAC, "deta is in eta LSB");
    const ap_int<CFG::ETA_BITS + 1> deta = one.eta - two.eta;
    if (!accepts(windows.deta, deta)) {
        return false;
    }
    // Dropping the carry wraps the binary angle.
    const ap_int<CFG::PHI_BITS> dphi = two.phi - one.phi;
    if (!accepts(windows.dphi, dphi)) {
        return false;
    }
    using difference = ap_int<CFG::LENGTH_BITS + 1>;
    const difference dr = two.r - one.r;
    const difference dz = two.z - one.z;
    const ap_int<2 * CFG::LENGTH_BITS + 2> z0 = one.z * dr - one.r * dz;
    return accepts_ratio<0>(windows.z0, z0, dr, dz >= 0) &&
           accepts_ratio<CFG::PHI_SLOPE_FRAC>(windows.phi_slope, dphi, dr, dphi >= 0);
}

// a/b - c/d inside the window.
template <int FRAC, int BITS, int WIDTH>
bool slope_difference_accepts(const window<BITS>& bounds, const ap_int<WIDTH>& a,
                              const ap_int<WIDTH>& b, const ap_int<WIDTH>& c,
                              const ap_int<WIDTH>& d) {
    const ap_int<2 * WIDTH + 1> numerator = a * d - c * b;
    const ap_int<2 * WIDTH> denominator = b * d;
    return accepts_ratio<FRAC>(bounds, numerator, denominator, numerator >= 0);
}

// Whether `three` makes a triple of the pair `one`, `two`, which passed the inner windows.
template <class CFG>
bool outer_accepts(const outer_windows<CFG>& windows, bool physical, const hit<CFG>& one,
                   const hit<CFG>& two, const hit<CFG>& three) {
    if (!doublet_accepts<CFG>(windows.pair, two, three)) {
        return false;
    }
    using difference = ap_int<CFG::LENGTH_BITS + 1>;
    const difference z21 = two.z - one.z, r21 = two.r - one.r;
    const difference z32 = three.z - two.z, r32 = three.r - two.r;
    if (!slope_difference_accepts<CFG::DZDR_FRAC>(windows.dzdr, z21, r21, z32, r32)) {
        return false;
    }
    difference x12 = one.x - two.x;
    if (physical) {
        x12 = two.x - one.x;
    }
    const difference y21 = two.y - one.y;
    const difference y23 = two.y - three.y, x23 = two.x - three.x;
    return slope_difference_accepts<CFG::DYDX_FRAC>(windows.dydx, y21, x12, y23, x23);
}

}  // namespace fpga_gnn

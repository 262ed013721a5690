// Records of the module map in global memory.
// Reference: fpga_gnn/hw/records.py
// Law:   hits and edges in fields of 32 and 16 bits; the map in bit fields without gaps, low bits
//        first: an index of 32 bits, then (low, high) of every window in the order of
//        DOUBLET_WINDOWS and TRIPLET_WINDOWS, each as wide as its format.
// Needs: widths that fit (checked at compile time).
// Cost:  one record is one beat: 256 bits, of a triplet 512, of a node 64.
#pragma once

#include <cstdint>

#include "fpga_gnn/hit_windows.hpp"
#include "fpga_gnn/packed.hpp"

namespace fpga_gnn {

struct hit_record {
    std::int32_t x, y, z, r, phi, eta, unused[2];
};
using doublet_record = packed_record<4>;
using triplet_record = packed_record<8>;
struct graph_node_record {
    std::int16_t features[4];
};
struct graph_edge_record {
    std::int32_t src, dst;
    std::int16_t features[12];
};
static_assert(sizeof(hit_record) == 32 && sizeof(doublet_record) == 32, "one beat of 256 bits");
static_assert(sizeof(triplet_record) == 64, "one beat of 512 bits");
static_assert(sizeof(graph_node_record) == 8 && sizeof(graph_edge_record) == 32, "packed records");

constexpr int RECORD_INDEX_BITS = 32;

template <class CFG>
constexpr int doublet_windows_bits() {
    return 2 * (CFG::Z0_BITS + CFG::DPHI_BITS + CFG::DETA_BITS + CFG::PHI_SLOPE_BITS);
}

// Target of a doublet, outer doublet of a triplet.
template <int WORDS>
std::uint32_t index_of(const packed_record<WORDS>& record) {
    return std::uint32_t(field<0, RECORD_INDEX_BITS>(record));
}

template <int AT, int BITS, int WORDS>
window<BITS> window_at(const packed_record<WORDS>& record) {
    return {ap_int<BITS>(field<AT, BITS>(record)), ap_int<BITS>(field<AT + BITS, BITS>(record))};
}

template <class CFG, int AT, int WORDS>
doublet_windows<CFG> doublet_windows_at(const packed_record<WORDS>& record) {
    constexpr int DPHI_AT = AT + 2 * CFG::Z0_BITS;
    constexpr int DETA_AT = DPHI_AT + 2 * CFG::DPHI_BITS;
    constexpr int PHI_SLOPE_AT = DETA_AT + 2 * CFG::DETA_BITS;
    return {window_at<AT, CFG::Z0_BITS>(record), window_at<DPHI_AT, CFG::DPHI_BITS>(record),
            window_at<DETA_AT, CFG::DETA_BITS>(record),
            window_at<PHI_SLOPE_AT, CFG::PHI_SLOPE_BITS>(record)};
}

template <class CFG>
doublet_windows<CFG> windows_of_doublet(const doublet_record& record) {
    return doublet_windows_at<CFG, RECORD_INDEX_BITS>(record);
}

template <class CFG>
doublet_windows<CFG> inner_windows_of_triplet(const triplet_record& record) {
    return doublet_windows_at<CFG, RECORD_INDEX_BITS>(record);
}

template <class CFG>
outer_windows<CFG> outer_windows_of_triplet(const triplet_record& record) {
    constexpr int OUTER_AT = RECORD_INDEX_BITS + doublet_windows_bits<CFG>();
    constexpr int DYDX_AT = OUTER_AT + doublet_windows_bits<CFG>();
    constexpr int DZDR_AT = DYDX_AT + 2 * CFG::DYDX_BITS;
    return {doublet_windows_at<CFG, OUTER_AT>(record), window_at<DYDX_AT, CFG::DYDX_BITS>(record),
            window_at<DZDR_AT, CFG::DZDR_BITS>(record)};
}

}  // namespace fpga_gnn

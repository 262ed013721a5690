// Bitmap of words with one bit per lane, several words to the row of a wide memory.
// Reference: fpga_gnn/reference/module_map.py
// Law:   word w is bits LANES * (w % ROW_WORDS) and up of row w / ROW_WORDS.
// Needs: LANES a power of two up to 64.
// Cost:  combinational beside the memory; a row of 64 bits fills one URAM word.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/macros.hpp"

namespace fpga_gnn {

using bitmap_row = std::uint64_t;

template <class CFG>
using lane_mask = ap_uint<CFG::LANES>;

template <class CFG>
constexpr int row_words() {
    static_assert(CFG::LANES > 0 && 64 % CFG::LANES == 0, "words fill a row");
    return 64 / CFG::LANES;
}

template <class CFG>
constexpr int bitmap_rows() {
    return (CFG::MAX_BLOCKS + row_words<CFG>() - 1) / row_words<CFG>();
}

// The row that holds nothing but `lanes`, at the place of word `address`.
template <class CFG>
bitmap_row place_word(int address, const lane_mask<CFG>& lanes) {
    return bitmap_row(lanes) << address % row_words<CFG>() * CFG::LANES;
}

template <class CFG>
lane_mask<CFG> read_word(const bitmap_row bitmap[], int address) {
    const bitmap_row row = bitmap[address / row_words<CFG>()];
    return lane_mask<CFG>(row >> address % row_words<CFG>() * CFG::LANES);
}

template <class CFG>
void add_to_word(bitmap_row bitmap[], int address, const lane_mask<CFG>& lanes) {
    bitmap[address / row_words<CFG>()] |= place_word<CFG>(address, lanes);
}

template <int BITS>
bool has_bit(const ap_uint<BITS>& bits, int at) {
    if constexpr (BITS > 64) {
        return (bits >> at & 1) != 0;
    }
    return (std::uint64_t(bits) >> at & 1) != 0;
}

template <int BITS>
ap_uint<BITS> one_bit(int at) {
    if constexpr (BITS > 64) {
        return ap_uint<BITS>(1) << at;
    }
    return std::uint64_t(1) << at;
}

template <int BITS>
int count_bits(const ap_uint<BITS>& bits) {
    int count = 0;
COUNT_BITS:
    for (int at = 0; at < BITS; ++at) {
        FPGA_GNN_HLS(unroll)
        count += has_bit(bits, at);
    }
    return count;
}

// Clears the lowest bit set and returns where it was: 0 if there is none.
template <int BITS>
int take_lowest(ap_uint<BITS>& bits) {
    int lowest = 0;
LOWEST_BIT:
    for (int at = BITS - 1; at >= 0; --at) {
        FPGA_GNN_HLS(unroll)
        lowest = has_bit(bits, at) ? at : lowest;
    }
    bits = std::uint64_t(bits) & ~(std::uint64_t(1) << lowest);
    return lowest;
}

}  // namespace fpga_gnn

// Bit widths known at compile time.
#pragma once

#include <cstdint>

namespace fpga_gnn {

// Bits of an unsigned integer that holds 0..largest.
constexpr int width_of(std::int64_t largest) {
    int bits = 1;
    for (; largest > 1; largest >>= 1) {
        ++bits;
    }
    return bits;
}

constexpr int larger(int a, int b) { return a > b ? a : b; }

}  // namespace fpga_gnn

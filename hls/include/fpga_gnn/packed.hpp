// Bit fields of the packed records in global memory.
// Reference: fpga_gnn/hw/records.py
// Law:   field<AT, BITS> is bits AT..AT+BITS-1 of the record, bit 0 the lowest of words[0].
// Needs: AT + BITS within the record, BITS up to 64.
// Cost:  combinational: wires, as AT is a constant.
#pragma once

#include <cstdint>

namespace fpga_gnn {

template <int WORDS>
struct packed_record {
    std::uint64_t words[WORDS];
};

template <int AT, int BITS, int WORDS>
std::uint64_t field(const packed_record<WORDS>& record) {
    static_assert(AT >= 0 && BITS > 0 && BITS <= 64, "a field of one word or less");
    static_assert(AT + BITS <= 64 * WORDS, "the fields fit in the record");
    constexpr int WORD = AT / 64, SHIFT = AT % 64;
    std::uint64_t value = record.words[WORD] >> SHIFT;
    if constexpr (SHIFT + BITS > 64) {
        value |= record.words[WORD + 1] << (64 - SHIFT);
    }
    return BITS == 64 ? value : value & ((std::uint64_t(1) << BITS % 64) - 1);
}

}  // namespace fpga_gnn

// Positions of the bits that are set in a row of words, ascending, one at a time.
// Reference: fpga_gnn/reference/dwalk.py
// Law:   bit b of word w is position 64 w + b.
// Needs: one next() per iteration, with the word of number wanted() unless that is NO_WORD.
// Cost:  an iteration per bit and one per word, at II = 1: words are read ahead.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/bitmap.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/read_ahead.hpp"

namespace fpga_gnn {

constexpr int BITS_PER_WORD = 64;

constexpr int words_of(int n_bits) { return (n_bits + BITS_PER_WORD - 1) / BITS_PER_WORD; }
inline int word_of(int position) { return position / BITS_PER_WORD; }
inline std::uint64_t bit_of(int position) {
    return std::uint64_t(1) << position % BITS_PER_WORD;
}

class bit_scan {
  public:
    static constexpr int NO_WORD = -1;
    int position = 0;

    explicit bit_scan(int n_words) : n_words_(n_words) {}

    int wanted() const { return words_.has_room() && n_read_ < n_words_ ? n_read_ : NO_WORD; }
    bool ended() const { return n_taken_ == n_words_ && left_ == 0; }

    // Returns whether there is a bit this time, at `position`.
    bool next(std::uint64_t word) {
        FPGA_GNN_HLS(inline)
        const bool given = wanted() != NO_WORD;
        n_read_ += given;
        words_.step(given, word);
        if (left_ != 0) {
            // The next step needs the bits that are left, not the position: no encoder between.
            ap_uint<BITS_PER_WORD> bits = left_;
            left_ &= left_ - 1;
            position = (n_taken_ - 1) * BITS_PER_WORD + take_lowest<BITS_PER_WORD>(bits);
            return true;
        }
        if (words_.ready()) {
            left_ = words_.take();
            ++n_taken_;
        }
        return false;
    }

  private:
    read_ahead<std::uint64_t, after_reads(1)> words_;
    const int n_words_;
    int n_read_ = 0, n_taken_ = 0;
    std::uint64_t left_ = 0;
};

}  // namespace fpga_gnn

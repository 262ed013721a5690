// Structured values out of a fuzzer's bytes (host only). A target defines LLVMFuzzerTestOneInput and
// calls `require` on what must hold for every input; fuzz_main.cpp drives it without libFuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace fuzz {

class bytes {
  public:
    bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

    // An integer in low..high; the lowest one when the bytes have run out.
    std::int64_t integer(std::int64_t low, std::int64_t high) {
        const std::uint64_t span = std::uint64_t(high) - std::uint64_t(low) + 1;
        std::uint64_t value = 0;
        for (std::uint64_t covered = 1; covered != 0 && covered < span && left_ > 0;
             covered <<= 8) {
            value = value << 8 | *data_++;
            --left_;
        }
        return std::int64_t(std::uint64_t(low) + (span == 0 ? value : value % span));
    }

    // An integer in low..high, often one of its ends: where windows and saturation change.
    std::int64_t edge(std::int64_t low, std::int64_t high) {
        switch (integer(0, 7)) {
            case 0: return low;
            case 1: return high;
            default: return integer(low, high);
        }
    }

    bool empty() const { return left_ == 0; }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

inline void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "fuzz: %s\n", what);
        std::abort();
    }
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

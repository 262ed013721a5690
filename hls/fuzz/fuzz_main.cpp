// Drives a fuzz target with random bytes where libFuzzer is not there: fuzz COUNT SEED [MAX_BYTES].
#include <random>

#include "fuzz.hpp"

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s COUNT SEED [MAX_BYTES]\n", argv[0]);
        return 2;
    }
    const long count = std::atol(argv[1]);
    const std::size_t most = argc > 3 ? std::atol(argv[3]) : 512;
    std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
    for (long i = 0; i < count; ++i) {
        std::vector<std::uint8_t> data(random() % (most + 1));
        for (std::uint8_t& byte : data) {
            byte = std::uint8_t(random());
        }
        LLVMFuzzerTestOneInput(data.data(), data.size());
    }
    std::printf("fuzz: %ld inputs, none failed\n", count);
    return 0;
}

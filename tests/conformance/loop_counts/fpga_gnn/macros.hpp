// HLS directives that count: a loop with `pipeline II = n` adds n in every iteration. Stands in for
// fpga_gnn/macros.hpp (found first, by -iquote) where cycles are counted; what a pipeline takes to
// fill and to drain, and loops without the directive, are not.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace loop_counts {

// Cycles by the function that a loop is in.
inline std::map<std::string, std::int64_t>& all() {
    static std::map<std::string, std::int64_t> counts;
    return counts;
}

class loop {
  public:
    loop(const char* function, const char* directive)
        : cycles_(all()[function]),
          interval_(std::strncmp(directive, "pipeline II", 11) == 0
                        ? std::atoi(std::strchr(directive, '=') + 1)
                        : 0) {}
    void step() { cycles_ += interval_; }

  private:
    std::int64_t& cycles_;
    const int interval_;
};

}  // namespace loop_counts

#define FPGA_GNN_HLS(...)                                      \
    {                                                          \
        static loop_counts::loop here(__func__, #__VA_ARGS__); \
        here.step();                                           \
    }

// Cycles of the loops in `function` since the last call for it.
extern "C" __attribute__((visibility("default"), weak)) std::int64_t take_cycles(
    const char* function) {
    std::int64_t& counted = loop_counts::all()[function];
    const std::int64_t cycles = counted;
    counted = 0;
    return cycles;
}

// Fuzz target of DWALK: canonical edges with and without cycles up to beyond each capacity.
#include "contract.hpp"
#include "fpga_gnn/dwalk.hpp"
#include "fuzz.hpp"
#include "scored_graph.hpp"

using config = fpga_gnn::dwalk_config;

extern "C" void dwalk(std::int32_t, std::int32_t, std::int32_t, std::int32_t, std::int32_t,
                      std::int32_t, std::int32_t, const fpga_gnn::scored_edge_record*,
                      std::int32_t*, std::int32_t*, fpga_gnn::track_status*);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::int64_t HIGHEST = (std::int64_t(1) << (config::SCORE_BITS - 1)) - 1;
    fuzz::bytes input(data, size);
    const bool ascending = input.integer(0, 3) != 0;
    const std::int64_t highest = input.integer(0, 1) == 0 ? HIGHEST : 3;
    const fuzz::scored_graph graph = fuzz::any_graph<config>(input, 0, highest, ascending);
    std::int32_t cuts[3];
    for (std::int32_t& cut : cuts) {
        cut = input.edge(-1, highest);
    }
    const std::int32_t min_hits = input.integer(1, 4), by_length = input.integer(0, 1);
    std::vector<std::int32_t> start(config::MAX_NODES + 1, -1), hits(config::MAX_NODES, -1);
    fpga_gnn::track_status status;
    dwalk(graph.n_nodes, graph.edges.size(), cuts[0], cuts[1], cuts[2], min_hits, by_length,
          graph.edges.data(), start.data(), hits.data(), &status);
    if (ascending) {
        fuzz::require((status.errors & fpga_gnn::EDGES_WITH_CYCLE) == 0, "no cycle was there");
    }
    fuzz::require(((status.errors & fpga_gnn::OVERFLOW_PASSES) != 0) == (status.n_unfinished > 0),
                  "unfinished edges");
    return 0;
}

// Fuzz target of the track builder: any canonical edges up to beyond each capacity.
#include <algorithm>

#include "contract.hpp"
#include "fpga_gnn/track_builder.hpp"
#include "fuzz.hpp"
#include "scored_graph.hpp"

using config = fpga_gnn::track_builder_config;

extern "C" void track_builder(std::int32_t, std::int32_t, std::int32_t, std::int32_t,
                              const fpga_gnn::scored_edge_record*, std::int32_t*, std::int32_t*,
                              fpga_gnn::track_status*);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::int64_t HIGHEST = (std::int64_t(1) << (config::SCORE_BITS - 1)) - 1;
    fuzz::bytes input(data, size);
    const fuzz::scored_graph graph =
        fuzz::any_graph<config>(input, -HIGHEST - 1, HIGHEST, false);
    const std::int32_t cut = input.edge(-HIGHEST - 2, HIGHEST);
    const std::int32_t min_hits = input.integer(1, 4);
    std::vector<std::int32_t> start(config::MAX_NODES + 1, -1), hits(config::MAX_NODES, -1);
    fpga_gnn::track_status status;
    track_builder(graph.n_nodes, graph.edges.size(), cut, min_hits, graph.edges.data(),
                  start.data(), hits.data(), &status);
    fuzz::check_tracks<config>(graph, min_hits, start, hits, status);
    return 0;
}

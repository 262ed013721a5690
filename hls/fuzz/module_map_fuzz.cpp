// Fuzz target of the module map: all the host lets through, judged by the law pair by pair. The
// kernel's memory is one struct, so what one array of it writes into the next shows in the answer
// only; it is the memory of all inputs, as on the card.
#include <algorithm>

#include "contract.hpp"
#include "fpga_gnn/module_map.hpp"
#include "fuzz.hpp"
#include "module_map_event.hpp"

using config = fpga_gnn::module_map_config;
using memory = fpga_gnn::module_map_memory<config>;

extern "C" memory* module_map_open();
extern "C" void module_map(memory*, const fpga_gnn::hit_record*, const std::int32_t*,
                           const fpga_gnn::doublet_record*, const std::int32_t*,
                           const fpga_gnn::triplet_record*, const std::int32_t*, std::int32_t,
                           std::int32_t, std::int32_t, std::int32_t, fpga_gnn::graph_node_record*,
                           fpga_gnn::graph_edge_record*, fpga_gnn::module_map_status*);
extern "C" void module_map_candidates(memory*, std::int32_t, fuzz::map_candidate*);

namespace {

constexpr std::int16_t HIGHEST = (1 << (config::FEATURE_BITS - 1)) - 1, LOWEST = -HIGHEST - 1;
constexpr std::int16_t UNWRITTEN = 0x5a5a;

// How many features are at an end of their format: not fewer than were clipped.
std::int64_t n_at_ends(const std::int16_t* features, int n) {
    return std::count_if(features, features + n, [](std::int16_t feature) {
        fuzz::require(feature >= LOWEST && feature <= HIGHEST, "a feature's format");
        return feature == LOWEST || feature == HIGHEST;
    });
}

void check_status(const fpga_gnn::module_map_status& expected,
                  const fpga_gnn::module_map_status& got) {
    fuzz::require(expected.overflow == got.overflow, "overflow");
    fuzz::require(expected.module_doublets == got.module_doublets, "module_doublets");
    fuzz::require(expected.module_triplets == got.module_triplets, "module_triplets");
    fuzz::require(expected.n_blocks == got.n_blocks, "n_blocks");
    fuzz::require(expected.n_candidates == got.n_candidates, "n_candidates");
    fuzz::require(expected.n_edges == got.n_edges, "n_edges");
}

// Every node and the tagged candidates in order, as far as they have slots; nothing else.
void check_graph(const fuzz::map_answer& expected, std::int64_t n_saturated,
                 const std::vector<fpga_gnn::graph_node_record>& nodes,
                 const std::vector<fpga_gnn::graph_edge_record>& edges) {
    std::int64_t n_ends = 0;
    for (const fpga_gnn::graph_node_record& node : nodes) {
        if (expected.fits) {
            n_ends += n_at_ends(node.features, config::NODE_FEATURES);
        } else {
            fuzz::require(node.features[0] == UNWRITTEN, "a node after an overflow");
        }
    }
    auto edge = edges.begin();
    for (const fuzz::map_candidate& candidate : expected.candidates) {
        if (candidate.tagged && edge != edges.end()) {
            fuzz::require(edge->src == candidate.src && edge->dst == candidate.dst, "an edge");
            n_ends += n_at_ends(edge->features, config::EDGE_FEATURES);
            ++edge;
        }
    }
    for (; edge != edges.end(); ++edge) {
        fuzz::require(edge->src == UNWRITTEN, "an edge too many");
    }
    fuzz::require(n_saturated <= n_ends, "n_saturated");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static memory* const used = module_map_open();
    fuzz::bytes input(data, size);
    const bool physical = input.integer(0, 1) == 1;
    const fuzz::map_event event = fuzz::any_event<config>(input);
    std::vector<fpga_gnn::graph_node_record> nodes(event.hits.size(), {{UNWRITTEN}});
    std::vector<fpga_gnn::graph_edge_record> edges(config::MAX_EDGES, {UNWRITTEN, UNWRITTEN, {}});
    fpga_gnn::module_map_status status;
    module_map(used, event.hits.data(), event.module_start.data(), event.doublets.data(),
               event.doublet_start.data(), event.triplets.data(), event.triplet_start.data(),
               event.hits.size(), event.n_modules(), event.doublets.size(), physical, nodes.data(),
               edges.data(), &status);
    const fuzz::map_answer expected = fuzz::law<config>(event, physical);
    check_status(expected.status, status);
    check_graph(expected, status.n_saturated, nodes, edges);
    if (expected.fits) {
        std::vector<fuzz::map_candidate> candidates(expected.candidates.size());
        module_map_candidates(used, event.n_modules(), candidates.data());
        fuzz::require(candidates == expected.candidates, "candidates");
    }
    return 0;
}

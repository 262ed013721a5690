// C interface of the module map for tests on the host: the contract is whatever contract.hpp the
// include path finds first.
#include <memory>

#include "contract.hpp"
#include "fpga_gnn/module_map.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

using config = fpga_gnn::module_map_config;
using memory = fpga_gnn::module_map_memory<config>;

namespace {

// One candidate of the bitmap, which the kernel keeps on chip.
struct candidate_record {
    std::int32_t src, dst, doublet, tagged;
};

}  // namespace

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT memory* module_map_open() { return std::make_unique<memory>().release(); }

FPGA_GNN_EXPORT void module_map_close(memory* used) { const std::unique_ptr<memory> owner(used); }

FPGA_GNN_EXPORT void module_map(memory* used, const fpga_gnn::hit_record* hits,
                                const std::int32_t* module_start,
                                const fpga_gnn::doublet_record* doublets,
                                const std::int32_t* doublet_start,
                                const fpga_gnn::triplet_record* triplets,
                                const std::int32_t* triplet_start, std::int32_t n_hits,
                                std::int32_t n_modules, std::int32_t n_doublets,
                                std::int32_t physical, fpga_gnn::graph_node_record* nodes,
                                fpga_gnn::graph_edge_record* edges,
                                fpga_gnn::module_map_status* status) {
    *status = fpga_gnn::module_map<config>({n_hits, n_modules, n_doublets}, physical != 0, hits,
                                           module_start, doublets, doublet_start, triplets,
                                           triplet_start, *used, nodes, edges);
}

// All candidates of the last event, which had no overflow but of edges, in canonical order.
FPGA_GNN_EXPORT void module_map_candidates(memory* used, std::int32_t n_modules,
                                           candidate_record* candidates) {
    fpga_gnn::word_ranges<config> words;
    fpga_gnn::word_steps<config> steps;
    fpga_gnn::candidate_steps<config> found;
    fpga_gnn::list_words<config>(n_modules, false, used->sources, used->doublets, used->leaving,
                                 words);
    fpga_gnn::read_words<config>(words, used->accepted, steps);
    fpga_gnn::split_words<config>(steps, found);
    for (auto step = found.read(); !step.end; step = found.read()) {
        const auto tags = fpga_gnn::read_word<config>(used->tagged, step.word);
        *candidates++ = {step.src.to_int(), step.dst.to_int(), step.doublet.to_int(),
                         fpga_gnn::has_bit(tags, step.lane)};
    }
}

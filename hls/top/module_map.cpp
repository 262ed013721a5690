// Top function of the module map: one instantiation with the generated contract.
// Every pointer is an AXI master on global memory (records: fpga_gnn/module_map.hpp), every scalar
// an AXI-Lite register. `candidates` has MAX_CANDIDATES records, `status` one.
#include "contract.hpp"
#include "fpga_gnn/module_map.hpp"

using fpga_gnn::module_map_config;

constexpr int MODULE_STARTS = module_map_config::MAX_MODULES + 1;
constexpr int DOUBLET_STARTS = module_map_config::MAX_DOUBLETS + 1;

extern "C" void module_map(const fpga_gnn::hit_record* hits, const std::int32_t* module_start,
                           const fpga_gnn::doublet_record* doublets,
                           const std::int32_t* doublet_start,
                           const fpga_gnn::triplet_record* triplets,
                           const std::int32_t* triplet_start, std::int32_t n_hits,
                           std::int32_t n_modules, std::int32_t n_doublets, std::int32_t n_triplets,
                           fpga_gnn::candidate_record* candidates,
                           fpga_gnn::module_map_status* status) {
    // One bundle per stream of records that bursts on its own; the starts are short and share.
    FPGA_GNN_HLS(interface m_axi port = hits bundle = gmem0 offset = slave
                 depth = module_map_config::MAX_HITS)
    FPGA_GNN_HLS(interface m_axi port = doublets bundle = gmem1 offset = slave
                 depth = module_map_config::MAX_DOUBLETS)
    FPGA_GNN_HLS(interface m_axi port = triplets bundle = gmem2 offset = slave
                 depth = module_map_config::MAX_TRIPLETS)
    FPGA_GNN_HLS(interface m_axi port = module_start bundle = gmem3 offset = slave
                 depth = MODULE_STARTS)
    FPGA_GNN_HLS(interface m_axi port = doublet_start bundle = gmem3 offset = slave
                 depth = MODULE_STARTS)
    FPGA_GNN_HLS(interface m_axi port = triplet_start bundle = gmem3 offset = slave
                 depth = DOUBLET_STARTS)
    FPGA_GNN_HLS(interface m_axi port = candidates bundle = gmem4 offset = slave
                 depth = module_map_config::MAX_CANDIDATES)
    FPGA_GNN_HLS(interface m_axi port = status bundle = gmem5 offset = slave depth = 1)
    FPGA_GNN_HLS(interface s_axilite port = n_hits)
    FPGA_GNN_HLS(interface s_axilite port = n_modules)
    FPGA_GNN_HLS(interface s_axilite port = n_doublets)
    FPGA_GNN_HLS(interface s_axilite port = n_triplets)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::module_map_memory<module_map_config> memory;
    // The tables and candidates are wide and deep: URAM leaves the BRAM to the hits and starts.
    FPGA_GNN_HLS(bind_storage variable = memory.doublets type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.triplets type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.listed type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.checked type = ram_t2p impl = uram)

    *status = fpga_gnn::module_map<module_map_config>({n_hits, n_modules, n_doublets, n_triplets},
                                                      hits, module_start, doublets, doublet_start,
                                                      triplets, triplet_start, memory, candidates);
}

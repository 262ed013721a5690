// Top function of the module map: one instantiation with the generated contract.
// Every pointer is an AXI master on global memory (records: fpga_gnn/module_map_records.hpp), every
// scalar an AXI-Lite register. `nodes` has n_hits records, `edges` MAX_EDGES, `status` one.
// `physical` is 0 for the compatible law of dydx.
#include "contract.hpp"
#include "fpga_gnn/module_map.hpp"

using fpga_gnn::module_map_config;

[[maybe_unused]] constexpr int MODULE_STARTS = module_map_config::MAX_MODULES + 1;
[[maybe_unused]] constexpr int DOUBLET_STARTS = module_map_config::MAX_DOUBLETS + 1;
// Of co-simulation only: the kernel streams as many as triplet_start says.
[[maybe_unused]] constexpr int TRIPLETS = 4 * module_map_config::MAX_DOUBLETS;

extern "C" void module_map(const fpga_gnn::hit_record* hits, const std::int32_t* module_start,
                           const fpga_gnn::doublet_record* doublets,
                           const std::int32_t* doublet_start,
                           const fpga_gnn::triplet_record* triplets,
                           const std::int32_t* triplet_start, std::int32_t n_hits,
                           std::int32_t n_modules, std::int32_t n_doublets, std::int32_t physical,
                           fpga_gnn::graph_node_record* nodes, fpga_gnn::graph_edge_record* edges,
                           fpga_gnn::module_map_status* status) {
    // One bundle per stream of records that bursts on its own; the starts are short and share.
    FPGA_GNN_HLS(interface m_axi port = hits bundle = gmem0 offset = slave
                 depth = module_map_config::MAX_HITS)
    FPGA_GNN_HLS(interface m_axi port = doublets bundle = gmem1 offset = slave
                 depth = module_map_config::MAX_DOUBLETS)
    FPGA_GNN_HLS(interface m_axi port = triplets bundle = gmem2 offset = slave depth = TRIPLETS)
    FPGA_GNN_HLS(interface m_axi port = module_start bundle = gmem3 offset = slave
                 depth = MODULE_STARTS)
    FPGA_GNN_HLS(interface m_axi port = doublet_start bundle = gmem3 offset = slave
                 depth = MODULE_STARTS)
    FPGA_GNN_HLS(interface m_axi port = triplet_start bundle = gmem3 offset = slave
                 depth = DOUBLET_STARTS)
    FPGA_GNN_HLS(interface m_axi port = nodes bundle = gmem4 offset = slave
                 depth = module_map_config::MAX_HITS)
    FPGA_GNN_HLS(interface m_axi port = edges bundle = gmem5 offset = slave
                 depth = module_map_config::MAX_EDGES)
    FPGA_GNN_HLS(interface m_axi port = status bundle = gmem6 offset = slave depth = 1)
    FPGA_GNN_HLS(interface s_axilite port = n_hits)
    FPGA_GNN_HLS(interface s_axilite port = n_modules)
    FPGA_GNN_HLS(interface s_axilite port = n_doublets)
    FPGA_GNN_HLS(interface s_axilite port = physical)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::module_map_memory<module_map_config> memory;
    // What grows with the event is wide and deep: URAM leaves the BRAM to the tables of the map.
    FPGA_GNN_HLS(aggregate variable = memory.blocks)
    FPGA_GNN_HLS(bind_storage variable = memory.hits type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.blocks type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.leaving type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.followed type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.accepted type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.followers type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.tagged type = ram_t2p impl = uram)

    *status = fpga_gnn::module_map<module_map_config>(
        {n_hits, n_modules, n_doublets}, physical != 0, hits, module_start, doublets, doublet_start,
        triplets, triplet_start, memory, nodes, edges);
}

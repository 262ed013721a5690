// Top function of the track finder: the three kernels as one dataflow, joined by AXI streams on the
// card; hits and map come from global memory, tracks go there.
// Every pointer is an AXI master (records: fpga_gnn/module_map_records.hpp, hit_lists.hpp), every
// scalar an AXI-Lite register. The classifier is the hls4ml project of the same contract.
#include "contract.hpp"
#include "fpga_gnn/hls4ml_classifier.hpp"
#include "fpga_gnn/track_finder.hpp"

using fpga_gnn::module_map_config;
using fpga_gnn::partition_config;
using fpga_gnn::track_builder_config;

[[maybe_unused]] constexpr int MODULE_STARTS = module_map_config::MAX_MODULES + 1;
[[maybe_unused]] constexpr int DOUBLET_STARTS = module_map_config::MAX_DOUBLETS + 1;
// Of co-simulation only: the kernel streams as many as triplet_start says.
[[maybe_unused]] constexpr int TRIPLETS = 4 * module_map_config::MAX_DOUBLETS;
[[maybe_unused]] constexpr int TRACK_STARTS = track_builder_config::MAX_NODES + 1;

extern "C" void track_finder(const fpga_gnn::hit_record* hits, const std::int32_t* module_start,
                             const fpga_gnn::doublet_record* doublets,
                             const std::int32_t* doublet_start,
                             const fpga_gnn::triplet_record* triplets,
                             const std::int32_t* triplet_start, std::int32_t n_hits,
                             std::int32_t n_modules, std::int32_t n_doublets, std::int32_t physical,
                             std::int32_t cut, std::int32_t min_hits, std::int32_t* track_start,
                             std::int32_t* hits_of_tracks, fpga_gnn::track_status* status,
                             fpga_gnn::module_map_status* map_status) {
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
    FPGA_GNN_HLS(interface m_axi port = track_start bundle = gmem4 offset = slave
                 depth = TRACK_STARTS)
    FPGA_GNN_HLS(interface m_axi port = hits_of_tracks bundle = gmem5 offset = slave
                 depth = track_builder_config::MAX_NODES)
    FPGA_GNN_HLS(interface m_axi port = status bundle = gmem6 offset = slave depth = 1)
    FPGA_GNN_HLS(interface m_axi port = map_status bundle = gmem7 offset = slave depth = 1)
    FPGA_GNN_HLS(interface s_axilite port = n_hits)
    FPGA_GNN_HLS(interface s_axilite port = n_modules)
    FPGA_GNN_HLS(interface s_axilite port = n_doublets)
    FPGA_GNN_HLS(interface s_axilite port = physical)
    FPGA_GNN_HLS(interface s_axilite port = cut)
    FPGA_GNN_HLS(interface s_axilite port = min_hits)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::module_map_memory<module_map_config> map_memory;
    static fpga_gnn::track_builder_memory<track_builder_config> track_memory;
    fpga_gnn::track_finder<module_map_config, partition_config, track_builder_config,
                           fpga_gnn::hls4ml_classifier>(
        {n_hits, n_modules, n_doublets}, physical != 0, cut, min_hits, hits, module_start, doublets,
        doublet_start, triplets, triplet_start, map_memory, track_memory, track_start,
        hits_of_tracks, status, map_status);
}

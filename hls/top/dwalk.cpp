// Top function of DWALK: one instantiation with the generated contract.
// Every pointer is an AXI master on global memory (records: fpga_gnn/scored_edges.hpp and
// hit_lists.hpp), every scalar an AXI-Lite register. `hits` has MAX_NODES words, `track_start` one
// more, `status` is one record. `by_length` is 0 for the sum of scores.
#include "contract.hpp"
#include "fpga_gnn/dwalk.hpp"

using fpga_gnn::dwalk_config;

[[maybe_unused]] constexpr int TRACK_STARTS = dwalk_config::MAX_NODES + 1;

extern "C" void dwalk(std::int32_t n_nodes, std::int32_t n_edges, std::int32_t component_cut,
                      std::int32_t min_cut, std::int32_t add_cut, std::int32_t min_hits,
                      std::int32_t by_length, const fpga_gnn::scored_edge_record* edges,
                      std::int32_t* track_start, std::int32_t* hits,
                      fpga_gnn::track_status* status) {
    FPGA_GNN_HLS(interface m_axi port = edges bundle = gmem0 offset = slave
                 depth = dwalk_config::MAX_EDGES)
    FPGA_GNN_HLS(interface m_axi port = track_start bundle = gmem1 offset = slave
                 depth = TRACK_STARTS)
    FPGA_GNN_HLS(interface m_axi port = hits bundle = gmem2 offset = slave
                 depth = dwalk_config::MAX_NODES)
    FPGA_GNN_HLS(interface m_axi port = status bundle = gmem3 offset = slave depth = 1)
    FPGA_GNN_HLS(interface s_axilite port = n_nodes)
    FPGA_GNN_HLS(interface s_axilite port = n_edges)
    FPGA_GNN_HLS(interface s_axilite port = component_cut)
    FPGA_GNN_HLS(interface s_axilite port = min_cut)
    FPGA_GNN_HLS(interface s_axilite port = add_cut)
    FPGA_GNN_HLS(interface s_axilite port = min_hits)
    FPGA_GNN_HLS(interface s_axilite port = by_length)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::dwalk_memory<dwalk_config> memory;
    // Wide and deep: URAM leaves the BRAM to narrower tables.
    FPGA_GNN_HLS(bind_storage variable = memory.walk.edges type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.walk.best type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.walk.path type = ram_t2p impl = uram)
    FPGA_GNN_HLS(aggregate variable = memory.walk.edges)
    FPGA_GNN_HLS(aggregate variable = memory.walk.best)
    FPGA_GNN_HLS(aggregate variable = memory.walk.path)

    fpga_gnn::dwalk<dwalk_config>(n_nodes, n_edges,
                                  {component_cut, min_cut, add_cut, min_hits, by_length != 0},
                                  edges, memory, track_start, hits, status);
}

// Top function of the track builder: one instantiation with the generated contract.
// Every pointer is an AXI master on global memory (records: fpga_gnn/scored_edges.hpp and
// hit_lists.hpp), every scalar an AXI-Lite register. `hits` has MAX_NODES words, `track_start` one
// more, `status` is one record.
#include "contract.hpp"
#include "fpga_gnn/track_builder.hpp"

using fpga_gnn::track_builder_config;

[[maybe_unused]] constexpr int TRACK_STARTS = track_builder_config::MAX_NODES + 1;

extern "C" void track_builder(std::int32_t n_nodes, std::int32_t n_edges, std::int32_t cut,
                              std::int32_t min_hits, const fpga_gnn::scored_edge_record* edges,
                              std::int32_t* track_start, std::int32_t* hits,
                              fpga_gnn::track_status* status) {
    FPGA_GNN_HLS(interface m_axi port = edges bundle = gmem0 offset = slave
                 depth = track_builder_config::MAX_EDGES)
    FPGA_GNN_HLS(interface m_axi port = track_start bundle = gmem1 offset = slave
                 depth = TRACK_STARTS)
    FPGA_GNN_HLS(interface m_axi port = hits bundle = gmem2 offset = slave
                 depth = track_builder_config::MAX_NODES)
    FPGA_GNN_HLS(interface m_axi port = status bundle = gmem3 offset = slave depth = 1)
    FPGA_GNN_HLS(interface s_axilite port = n_nodes)
    FPGA_GNN_HLS(interface s_axilite port = n_edges)
    FPGA_GNN_HLS(interface s_axilite port = cut)
    FPGA_GNN_HLS(interface s_axilite port = min_hits)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::track_builder_memory<track_builder_config> memory;
    // A row per node, read at two places at once; the words of bits are few and stay in BRAM.
    FPGA_GNN_HLS(bind_storage variable = memory.in type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.out type = ram_t2p impl = uram)
    FPGA_GNN_HLS(bind_storage variable = memory.next type = ram_t2p impl = uram)

    fpga_gnn::track_builder<track_builder_config>(n_nodes, n_edges, cut, min_hits, edges, memory,
                                                  track_start, hits, status);
}

// Top function of connected components: one instantiation with the generated contract.
// Every pointer is an AXI master on global memory (records: fpga_gnn/connected_components.hpp),
// every scalar an AXI-Lite register. `labels` has MAX_NODES words, `overflow` one: its bits. It is
// no return value, which a host cannot read through XRT.
#include "contract.hpp"
#include "fpga_gnn/connected_components.hpp"

using fpga_gnn::connected_components_config;

extern "C" void connected_components(std::int32_t n_nodes, std::int32_t n_edges,
                                     const fpga_gnn::edge_record* edges, std::int32_t* labels,
                                     std::int32_t* overflow) {
    FPGA_GNN_HLS(interface m_axi port = edges bundle = gmem0 offset = slave
                 depth = connected_components_config::MAX_EDGES)
    FPGA_GNN_HLS(interface m_axi port = labels bundle = gmem1 offset = slave
                 depth = connected_components_config::MAX_NODES)
    FPGA_GNN_HLS(interface m_axi port = overflow bundle = gmem2 offset = slave depth = 1)
    FPGA_GNN_HLS(interface s_axilite port = n_nodes)
    FPGA_GNN_HLS(interface s_axilite port = n_edges)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::connected_components_memory<connected_components_config> memory;
    *overflow = fpga_gnn::connected_components<connected_components_config>(n_nodes, n_edges, edges,
                                                                            memory, labels);
}

// Top function of connected components: one instantiation with the generated contract.
// Every pointer is an AXI master on global memory (records: fpga_gnn/connected_components.hpp),
// every scalar an AXI-Lite register. `labels` has MAX_NODES words; the return value is the
// overflow bits.
#include "contract.hpp"
#include "fpga_gnn/connected_components.hpp"

using fpga_gnn::connected_components_config;

extern "C" std::int32_t connected_components(std::int32_t n_nodes, std::int32_t n_edges,
                                             const fpga_gnn::edge_record* edges,
                                             std::int32_t* labels) {
    FPGA_GNN_HLS(interface m_axi port = edges bundle = gmem0 offset = slave
                 depth = connected_components_config::MAX_EDGES)
    FPGA_GNN_HLS(interface m_axi port = labels bundle = gmem1 offset = slave
                 depth = connected_components_config::MAX_NODES)
    FPGA_GNN_HLS(interface s_axilite port = n_nodes)
    FPGA_GNN_HLS(interface s_axilite port = n_edges)
    FPGA_GNN_HLS(interface s_axilite port = return)

    static fpga_gnn::connected_components_memory<connected_components_config> memory;
    return fpga_gnn::connected_components<connected_components_config>(n_nodes, n_edges, edges,
                                                                       memory, labels);
}

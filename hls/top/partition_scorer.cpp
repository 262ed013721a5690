// Top function of the partition scorer: the edge classifier between buffers in global memory, so
// that a host can feed it.
// Every pointer is an AXI master (records: fpga_gnn/module_map_records.hpp). `nodes` has MAX_NODES
// records, `edges` MAX_EDGES, `scores` as many words. The classifier is the hls4ml project of the
// same contract.
#include "contract.hpp"
#include "fpga_gnn/hls4ml_classifier.hpp"
#include "fpga_gnn/partition_scorer.hpp"

using fpga_gnn::partition_config;

extern "C" void partition_scorer(const fpga_gnn::graph_node_record* nodes,
                                 const fpga_gnn::graph_edge_record* edges, std::int16_t* scores) {
    FPGA_GNN_HLS(interface m_axi port = nodes bundle = gmem0 offset = slave
                 depth = partition_config::MAX_NODES)
    FPGA_GNN_HLS(interface m_axi port = edges bundle = gmem1 offset = slave
                 depth = partition_config::MAX_EDGES)
    FPGA_GNN_HLS(interface m_axi port = scores bundle = gmem2 offset = slave
                 depth = partition_config::MAX_EDGES)
    FPGA_GNN_HLS(interface s_axilite port = return)

    fpga_gnn::partition_scorer<partition_config, fpga_gnn::hls4ml_classifier>(nodes, edges, scores);
}

// C interface of the partition scorer for tests on the host: the contract is whatever contract.hpp
// the include path finds first, the classifier the hls4ml project that is linked with it.
#include "contract.hpp"
#include "fpga_gnn/hls4ml_classifier.hpp"
#include "fpga_gnn/partition_scorer.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT void partition_scorer(const fpga_gnn::graph_node_record* nodes,
                                      const fpga_gnn::graph_edge_record* edges,
                                      std::int16_t* scores) {
    fpga_gnn::partition_scorer<fpga_gnn::partition_config, fpga_gnn::hls4ml_classifier>(
        nodes, edges, scores);
}

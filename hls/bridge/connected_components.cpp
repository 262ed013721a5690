// C interface of connected components for tests on the host: the contract is whatever contract.hpp
// the include path finds first.
#include <memory>

#include "contract.hpp"
#include "fpga_gnn/connected_components.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT void connected_components(std::int32_t n_nodes, std::int32_t n_edges,
                                          const fpga_gnn::edge_record* edges, std::int32_t* labels,
                                          std::int32_t* overflow) {
    using config = fpga_gnn::connected_components_config;
    const auto memory = std::make_unique<fpga_gnn::connected_components_memory<config>>();
    *overflow = fpga_gnn::connected_components<config>(n_nodes, n_edges, edges, *memory, labels);
}

// C interface of DWALK for tests on the host: the contract is whatever contract.hpp the include
// path finds first.
#include <memory>

#include "contract.hpp"
#include "fpga_gnn/dwalk.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT void dwalk(std::int32_t n_nodes, std::int32_t n_edges, std::int32_t component_cut,
                           std::int32_t min_cut, std::int32_t add_cut, std::int32_t min_hits,
                           std::int32_t by_length, const fpga_gnn::scored_edge_record* edges,
                           std::int32_t* track_start, std::int32_t* hits,
                           fpga_gnn::track_status* status) {
    using config = fpga_gnn::dwalk_config;
    const auto memory = std::make_unique<fpga_gnn::dwalk_memory<config>>();
    fpga_gnn::dwalk<config>(n_nodes, n_edges,
                            {component_cut, min_cut, add_cut, min_hits, by_length != 0}, edges,
                            *memory, track_start, hits, status);
}

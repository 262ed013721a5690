// C interface of the track builder for tests on the host: the contract is whatever contract.hpp
// the include path finds first.
#include <memory>

#include "contract.hpp"
#include "fpga_gnn/track_builder.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT void track_builder(std::int32_t n_nodes, std::int32_t n_edges, std::int32_t cut,
                                   std::int32_t min_hits,
                                   const fpga_gnn::scored_edge_record* edges,
                                   std::int32_t* track_start, std::int32_t* hits,
                                   fpga_gnn::track_status* status) {
    using config = fpga_gnn::track_builder_config;
    const auto memory = std::make_unique<fpga_gnn::track_builder_memory<config>>();
    fpga_gnn::track_builder<config>(n_nodes, n_edges, cut, min_hits, edges, *memory, track_start,
                                    hits, status);
}

// C interface of the module map for tests on the host: the contract is whatever contract.hpp the
// include path finds first.
#include <memory>

#include "contract.hpp"
#include "fpga_gnn/module_map.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT void module_map(const fpga_gnn::hit_record* hits, const std::int32_t* module_start,
                                const fpga_gnn::doublet_record* doublets,
                                const std::int32_t* doublet_start,
                                const fpga_gnn::triplet_record* triplets,
                                const std::int32_t* triplet_start, std::int32_t n_hits,
                                std::int32_t n_modules, std::int32_t n_doublets,
                                std::int32_t n_triplets, fpga_gnn::candidate_record* candidates,
                                fpga_gnn::module_map_status* status) {
    using config = fpga_gnn::module_map_config;
    const auto memory = std::make_unique<fpga_gnn::module_map_memory<config>>();
    *status = fpga_gnn::module_map<config>({n_hits, n_modules, n_doublets, n_triplets}, hits,
                                           module_start, doublets, doublet_start, triplets,
                                           triplet_start, *memory, candidates);
}

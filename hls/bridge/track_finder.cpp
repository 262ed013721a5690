// C interface of the track finder for tests on the host: the contract is whatever contract.hpp the
// include path finds first, the classifier the hls4ml project that is linked with it.
#include <memory>

#include "contract.hpp"
#include "fpga_gnn/hls4ml_classifier.hpp"
#include "fpga_gnn/track_finder.hpp"

#define FPGA_GNN_EXPORT extern "C" __attribute__((visibility("default")))

using map_config = fpga_gnn::module_map_config;
using track_config = fpga_gnn::track_builder_config;

FPGA_GNN_EXPORT const char* contract_sha256() { return fpga_gnn::CONTRACT_SHA256; }

FPGA_GNN_EXPORT void track_finder(const fpga_gnn::hit_record* hits,
                                  const std::int32_t* module_start,
                                  const fpga_gnn::doublet_record* doublets,
                                  const std::int32_t* doublet_start,
                                  const fpga_gnn::triplet_record* triplets,
                                  const std::int32_t* triplet_start, std::int32_t n_hits,
                                  std::int32_t n_modules, std::int32_t n_doublets,
                                  std::int32_t physical, std::int32_t cut, std::int32_t min_hits,
                                  std::int32_t* track_start, std::int32_t* hits_of_tracks,
                                  fpga_gnn::track_status* status,
                                  fpga_gnn::module_map_status* map_status) {
    const auto map_memory = std::make_unique<fpga_gnn::module_map_memory<map_config>>();
    const auto track_memory = std::make_unique<fpga_gnn::track_builder_memory<track_config>>();
    fpga_gnn::track_finder<map_config, fpga_gnn::partition_config, track_config,
                           fpga_gnn::hls4ml_classifier>(
        {n_hits, n_modules, n_doublets}, physical != 0, cut, min_hits, hits, module_start, doublets,
        doublet_start, triplets, triplet_start, *map_memory, *track_memory, track_start,
        hits_of_tracks, status, map_status);
}

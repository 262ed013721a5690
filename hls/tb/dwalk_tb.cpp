// Self-checking bench of DWALK: exit status 0 only if every golden case is equal.
#include "fpga_gnn/dwalk.hpp"
#include "golden.hpp"

using fpga_gnn::dwalk_config;

extern "C" void dwalk(std::int32_t, std::int32_t, std::int32_t, std::int32_t, std::int32_t,
                      std::int32_t, std::int32_t, const fpga_gnn::scored_edge_record*,
                      std::int32_t*, std::int32_t*, fpga_gnn::track_status*);

namespace {

std::size_t check(golden::file& vectors, const std::string& name) {
    const std::int32_t n_nodes = vectors.read("n_nodes").at(0);
    const golden::column src = vectors.read("src"), dst = vectors.read("dst");
    const golden::column score = vectors.read("score"), cuts = vectors.read("cuts");
    const std::int32_t min_hits = vectors.read("min_hits").at(0);
    const std::int32_t by_length = vectors.read("by_length").at(0);

    // Buffers have the kernel's full capacity, as co-simulation transfers whole ports.
    std::vector<fpga_gnn::scored_edge_record> edges(dwalk_config::MAX_EDGES);
    for (std::size_t i = 0; i < src.size(); ++i) {
        edges[i] = {int(src[i]), int(dst[i]), int(score[i]), 0};
    }
    std::vector<std::int32_t> start(dwalk_config::MAX_NODES + 1), hits(dwalk_config::MAX_NODES);
    fpga_gnn::track_status status = {};
    dwalk(n_nodes, src.size(), cuts.at(0), cuts.at(1), cuts.at(2), min_hits, by_length,
          edges.data(), start.data(), hits.data(), &status);

    const std::string kernel = "dwalk";
    return golden::require_equal(kernel, name, "status", vectors.read("status"),
                                 {status.errors, status.n_passes, status.n_visits}) +
           golden::require_equal(
               kernel, name, "track_start", vectors.read("track_start"),
               golden::column(start.begin(), start.begin() + status.n_tracks + 1)) +
           golden::require_equal(kernel, name, "hits", vectors.read("hits"),
                                 golden::column(hits.begin(), hits.begin() + status.n_hits));
}

}  // namespace

int main(int argc, char** argv) { return golden::run(argc, argv, "dwalk", check); }

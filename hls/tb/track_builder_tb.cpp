// Self-checking bench of the track builder: exit status 0 only if every golden case is equal.
#include "fpga_gnn/track_builder.hpp"
#include "golden.hpp"

using fpga_gnn::track_builder_config;

extern "C" void track_builder(std::int32_t, std::int32_t, std::int32_t, std::int32_t,
                              const fpga_gnn::scored_edge_record*, std::int32_t*, std::int32_t*,
                              fpga_gnn::track_status*);

namespace {

std::size_t check(golden::file& vectors, const std::string& name) {
    const std::int32_t n_nodes = vectors.read("n_nodes").at(0);
    const golden::column src = vectors.read("src"), dst = vectors.read("dst");
    const golden::column score = vectors.read("score");
    const std::int32_t cut = vectors.read("cut").at(0);
    const std::int32_t min_hits = vectors.read("min_hits").at(0);

    // Buffers have the kernel's full capacity, as co-simulation transfers whole ports.
    std::vector<fpga_gnn::scored_edge_record> edges(track_builder_config::MAX_EDGES);
    for (std::size_t i = 0; i < src.size(); ++i) {
        edges[i] = {int(src[i]), int(dst[i]), int(score[i]), 0};
    }
    std::vector<std::int32_t> start(track_builder_config::MAX_NODES + 1);
    std::vector<std::int32_t> hits(track_builder_config::MAX_NODES);
    fpga_gnn::track_status status = {};
    track_builder(n_nodes, src.size(), cut, min_hits, edges.data(), start.data(), hits.data(),
                  &status);

    const std::string kernel = "track_builder";
    return golden::require_equal(kernel, name, "errors", {0}, {status.errors}) +
           golden::require_equal(
               kernel, name, "track_start", vectors.read("track_start"),
               golden::column(start.begin(), start.begin() + status.n_tracks + 1)) +
           golden::require_equal(kernel, name, "hits", vectors.read("hits"),
                                 golden::column(hits.begin(), hits.begin() + status.n_hits));
}

}  // namespace

int main(int argc, char** argv) { return golden::run(argc, argv, "track_builder", check); }

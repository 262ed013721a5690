// Self-checking bench of connected components: exit status 0 only if every golden case is equal.
#include "fpga_gnn/connected_components.hpp"
#include "golden.hpp"

using fpga_gnn::connected_components_config;

extern "C" void connected_components(std::int32_t, std::int32_t, const fpga_gnn::edge_record*,
                                     std::int32_t*, std::int32_t*);

namespace {

std::size_t check(golden::file& vectors, const std::string& name) {
    const std::int32_t n_nodes = vectors.read("n_nodes").at(0);
    const golden::column src = vectors.read("src"), dst = vectors.read("dst");
    const golden::column keep = vectors.read("keep");

    // Buffers have the kernel's full capacity, as co-simulation transfers whole ports.
    std::vector<fpga_gnn::edge_record> edges(connected_components_config::MAX_EDGES);
    for (std::size_t i = 0; i < src.size(); ++i) {
        edges[i] = {int(src[i]), int(dst[i]), int(keep[i]), 0};
    }
    std::vector<std::int32_t> labels(connected_components_config::MAX_NODES);
    std::int32_t overflow = -1;
    connected_components(n_nodes, src.size(), edges.data(), labels.data(), &overflow);

    const std::string kernel = "connected_components";
    return golden::require_equal(kernel, name, "overflow", {0}, {overflow}) +
           golden::require_equal(kernel, name, "labels", vectors.read("labels"),
                                 golden::column(labels.begin(), labels.begin() + n_nodes));
}

}  // namespace

int main(int argc, char** argv) { return golden::run(argc, argv, "connected_components", check); }

// Fuzz target of connected components: any graph up to two beyond each capacity.
#include <algorithm>

#include "fpga_gnn/connected_components.hpp"
#include "contract.hpp"
#include "fuzz.hpp"

using config = fpga_gnn::connected_components_config;

extern "C" void connected_components(std::int32_t, std::int32_t, const fpga_gnn::edge_record*,
                                     std::int32_t*, std::int32_t*);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::bytes input(data, size);
    const std::int32_t n_nodes = input.edge(0, config::MAX_NODES + 2);
    const std::int32_t n_edges = n_nodes == 0 ? 0 : input.edge(0, config::MAX_EDGES + 2);
    std::vector<fpga_gnn::edge_record> edges(n_edges);
    for (fpga_gnn::edge_record& edge : edges) {
        edge = {std::int32_t(input.edge(0, n_nodes - 1)), std::int32_t(input.edge(0, n_nodes - 1)),
                std::int32_t(input.integer(0, 1)), 0};
    }
    std::vector<std::int32_t> labels(n_nodes, -1);
    std::int32_t overflow = -1;
    connected_components(n_nodes, n_edges, edges.data(), labels.data(), &overflow);
    if (overflow != 0) {
        fuzz::require(n_nodes > config::MAX_NODES || n_edges > config::MAX_EDGES, "overflow");
        fuzz::require(std::count(labels.begin(), labels.end(), -1) == n_nodes, "written");
        return 0;
    }
    for (std::int32_t n = 0; n < n_nodes; ++n) {
        fuzz::require(labels[n] >= 0 && labels[n] <= n, "a label above its node");
        fuzz::require(labels[labels[n]] == labels[n], "a label that is no root");
    }
    for (const fpga_gnn::edge_record& edge : edges) {
        fuzz::require(edge.keep == 0 || labels[edge.src] == labels[edge.dst], "a split edge");
    }
    return 0;
}

// Self-checking bench of the module map: exit status 0 only if every golden case is equal.
#include "fpga_gnn/module_map.hpp"
#include "golden.hpp"

using fpga_gnn::module_map_config;

extern "C" void module_map(const fpga_gnn::hit_record*, const std::int32_t*,
                           const fpga_gnn::doublet_record*, const std::int32_t*,
                           const fpga_gnn::triplet_record*, const std::int32_t*, std::int32_t,
                           std::int32_t, std::int32_t, std::int32_t, fpga_gnn::graph_node_record*,
                           fpga_gnn::graph_edge_record*, fpga_gnn::module_map_status*);

namespace {

constexpr int TRIPLETS = 4 * module_map_config::MAX_DOUBLETS;
const std::vector<int> DOUBLET_BITS = {module_map_config::Z0_BITS, module_map_config::DPHI_BITS,
                                       module_map_config::DETA_BITS,
                                       module_map_config::PHI_SLOPE_BITS};

std::vector<int> triplet_bits() {
    std::vector<int> bits = DOUBLET_BITS;
    bits.insert(bits.end(), DOUBLET_BITS.begin(), DOUBLET_BITS.end());
    bits.insert(bits.end(), {module_map_config::DYDX_BITS, module_map_config::DZDR_BITS});
    return bits;
}

// Buffers have the kernel's full capacity, as co-simulation transfers whole ports.
std::vector<std::int32_t> starts(const golden::column& values, int capacity) {
    std::vector<std::int32_t> words(capacity + 1);
    std::copy(values.begin(), values.end(), words.begin());
    return words;
}

// Packs an index and the (low, high) pairs of windows of `bits` as bit fields without gaps.
template <class RECORD>
std::vector<RECORD> packed(const golden::column& index, const golden::column& windows,
                           const std::vector<int>& bits, int capacity) {
    std::vector<RECORD> records(capacity);
    for (std::size_t i = 0; i < index.size(); ++i) {
        int at = 0;
        const auto put = [&](std::int64_t value, int size) {
            for (int bit = 0; bit < size; ++bit, ++at) {
                records[i].words[at / 64] |= std::uint64_t(value >> bit & 1) << at % 64;
            }
        };
        put(index[i], fpga_gnn::RECORD_INDEX_BITS);
        for (std::size_t k = 0; k < 2 * bits.size(); ++k) {
            put(windows[2 * bits.size() * i + k], bits[k / 2]);
        }
    }
    return records;
}

std::size_t check(golden::file& vectors, const std::string& name) {
    const golden::column physical = vectors.read("physical");
    const golden::column x = vectors.read("x"), y = vectors.read("y"), z = vectors.read("z");
    const golden::column r = vectors.read("r"), phi = vectors.read("phi");
    const golden::column eta = vectors.read("eta"), module_start = vectors.read("module_start");
    const golden::column doublet_start = vectors.read("doublet_start");
    const golden::column doublet_target = vectors.read("doublet_target");
    const golden::column doublet_windows = vectors.read("doublet_windows");
    const golden::column triplet_start = vectors.read("triplet_start");
    const golden::column triplet_outer = vectors.read("triplet_outer");
    const golden::column triplet_windows = vectors.read("triplet_windows");

    std::vector<fpga_gnn::hit_record> hits(module_map_config::MAX_HITS);
    for (std::size_t i = 0; i < x.size(); ++i) {
        hits[i] = {int(x[i]), int(y[i]), int(z[i]), int(r[i]), int(phi[i]), int(eta[i]), {0, 0}};
    }
    const auto doublets = packed<fpga_gnn::doublet_record>(
        doublet_target, doublet_windows, DOUBLET_BITS, module_map_config::MAX_DOUBLETS);
    const auto triplets = packed<fpga_gnn::triplet_record>(triplet_outer, triplet_windows,
                                                           triplet_bits(), TRIPLETS);
    std::vector<fpga_gnn::graph_node_record> nodes(module_map_config::MAX_HITS);
    std::vector<fpga_gnn::graph_edge_record> edges(module_map_config::MAX_EDGES);
    fpga_gnn::module_map_status status;
    module_map(hits.data(), starts(module_start, module_map_config::MAX_MODULES).data(),
               doublets.data(), starts(doublet_start, module_map_config::MAX_MODULES).data(),
               triplets.data(), starts(triplet_start, module_map_config::MAX_DOUBLETS).data(),
               x.size(), module_start.size() - 1, doublet_target.size(), physical[0], nodes.data(),
               edges.data(), &status);

    golden::column src, dst, node_features, edge_features;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto& features = nodes[i].features;
        node_features.insert(node_features.end(), features,
                             features + module_map_config::NODE_FEATURES);
    }
    for (std::int64_t i = 0; i < status.n_edges; ++i) {
        const auto& features = edges[i].features;
        src.push_back(edges[i].src);
        dst.push_back(edges[i].dst);
        edge_features.insert(edge_features.end(), features,
                             features + module_map_config::EDGE_FEATURES);
    }
    const golden::column candidate_src = vectors.read("src"), candidate_dst = vectors.read("dst");
    vectors.read("doublet");
    const golden::column tagged = vectors.read("tagged");
    const golden::column expected_nodes = vectors.read("node_features");
    const golden::column expected_edges = vectors.read("edge_features");
    const golden::column n_saturated = vectors.read("n_saturated");
    golden::column expected_src, expected_dst;
    for (std::size_t i = 0; i < tagged.size(); ++i) {
        if (tagged[i] != 0) {
            expected_src.push_back(candidate_src[i]);
            expected_dst.push_back(candidate_dst[i]);
        }
    }
    const std::string kernel = "module_map";
    return golden::require_equal(
               kernel, name, "status",
               {std::int64_t(tagged.size()), std::int64_t(expected_src.size()), n_saturated[0], 0},
               {status.n_candidates, status.n_edges, status.n_saturated, status.overflow}) +
           golden::require_equal(kernel, name, "src", expected_src, src) +
           golden::require_equal(kernel, name, "dst", expected_dst, dst) +
           golden::require_equal(kernel, name, "node_features", expected_nodes, node_features) +
           golden::require_equal(kernel, name, "edge_features", expected_edges, edge_features);
}

}  // namespace

int main(int argc, char** argv) { return golden::run(argc, argv, "module_map", check); }

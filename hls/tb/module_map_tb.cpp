// Self-checking bench of the module map: exit status 0 only if every golden case is equal.
#include "fpga_gnn/module_map.hpp"
#include "golden.hpp"

using fpga_gnn::module_map_config;

extern "C" void module_map(const fpga_gnn::hit_record*, const std::int32_t*,
                           const fpga_gnn::doublet_record*, const std::int32_t*,
                           const fpga_gnn::triplet_record*, const std::int32_t*, std::int32_t,
                           std::int32_t, std::int32_t, std::int32_t, fpga_gnn::candidate_record*,
                           fpga_gnn::module_map_status*);

namespace {

// Buffers have the kernel's full capacity, as co-simulation transfers whole ports.
std::vector<std::int32_t> starts(const golden::column& values, int capacity) {
    std::vector<std::int32_t> words(capacity + 1);
    std::copy(values.begin(), values.end(), words.begin());
    return words;
}

std::size_t check(golden::file& vectors, const std::string& name) {
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
    std::vector<fpga_gnn::doublet_record> doublets(module_map_config::MAX_DOUBLETS);
    for (std::size_t i = 0; i < doublet_target.size(); ++i) {
        doublets[i].target = doublet_target[i];
        std::copy_n(&doublet_windows[8 * i], 8, &doublets[i].windows[0][0]);
    }
    std::vector<fpga_gnn::triplet_record> triplets(module_map_config::MAX_TRIPLETS);
    for (std::size_t i = 0; i < triplet_outer.size(); ++i) {
        triplets[i].outer = triplet_outer[i];
        std::copy_n(&triplet_windows[20 * i], 20, &triplets[i].windows[0][0]);
    }
    std::vector<fpga_gnn::candidate_record> candidates(module_map_config::MAX_CANDIDATES);
    fpga_gnn::module_map_status status;
    module_map(hits.data(), starts(module_start, module_map_config::MAX_MODULES).data(),
               doublets.data(), starts(doublet_start, module_map_config::MAX_MODULES).data(),
               triplets.data(), starts(triplet_start, module_map_config::MAX_DOUBLETS).data(),
               x.size(), module_start.size() - 1, doublet_target.size(), triplet_outer.size(),
               candidates.data(), &status);

    golden::column src, dst, doublet, tagged;
    for (std::int64_t i = 0; i < status.n_stored; ++i) {
        src.push_back(candidates[i].src);
        dst.push_back(candidates[i].dst);
        doublet.push_back(candidates[i].doublet);
        tagged.push_back(candidates[i].tagged);
    }
    const golden::column expected_src = vectors.read("src");
    const golden::column expected_dst = vectors.read("dst");
    const golden::column expected_doublet = vectors.read("doublet");
    const golden::column expected_tagged = vectors.read("tagged");
    const std::int64_t n = expected_src.size();
    const std::int64_t n_tagged = std::count(expected_tagged.begin(), expected_tagged.end(), 1);
    const std::string kernel = "module_map";
    return golden::require_equal(
               kernel, name, "status", {n, n, n_tagged, 0},
               {status.n_candidates, status.n_stored, status.n_tagged, status.overflow}) +
           golden::require_equal(kernel, name, "src", expected_src, src) +
           golden::require_equal(kernel, name, "dst", expected_dst, dst) +
           golden::require_equal(kernel, name, "doublet", expected_doublet, doublet) +
           golden::require_equal(kernel, name, "tagged", expected_tagged, tagged);
}

}  // namespace

int main(int argc, char** argv) { return golden::run(argc, argv, "module_map", check); }

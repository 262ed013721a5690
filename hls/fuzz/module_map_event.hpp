// Events with their module map out of a fuzzer's bytes, and the law pair by pair (host only).
#pragma once

#include <algorithm>
#include <vector>

#include "fpga_gnn/module_map.hpp"
#include "fuzz.hpp"

namespace fuzz {

using starts = std::vector<std::int32_t>;

struct map_event {
    std::vector<fpga_gnn::hit_record> hits;
    starts module_start, doublet_start, triplet_start;
    std::vector<fpga_gnn::doublet_record> doublets;
    std::vector<fpga_gnn::triplet_record> triplets;

    int n_modules() const { return module_start.size() - 1; }
    int target(int doublet) const { return fpga_gnn::index_of(doublets[doublet]); }

    template <class CFG>
    fpga_gnn::hit<CFG> hit(int h) const {
        const fpga_gnn::hit_record& record = hits[h];
        return {record.x, record.y, record.z, record.r, record.phi, record.eta};
    }
};

struct map_candidate {
    std::int32_t src, dst, doublet, tagged;

    bool operator==(const map_candidate& other) const {
        return src == other.src && dst == other.dst && doublet == other.doublet &&
               tagged == other.tagged;
    }
};

// What an event must give, but for n_saturated; no candidates unless it `fits`.
struct map_answer {
    fpga_gnn::module_map_status status;
    std::vector<map_candidate> candidates;
    bool fits;
};

// Up to `most`, now and then one or two more.
inline std::int32_t any_count(bytes& input, std::int64_t most) {
    return input.integer(0, 15) == 15 ? most + input.integer(1, 2) : input.edge(0, most);
}

inline starts any_starts(bytes& input, std::int32_t first, std::size_t rows, std::int64_t most) {
    starts start = {first};
    while (start.size() <= rows) {
        start.push_back(start.back() + any_count(input, most));
    }
    return start;
}

// An integer of `bits`: near zero, or anywhere and often at an end.
inline std::int64_t any_value(bytes& input, int bits, bool near) {
    const std::int64_t end = std::int64_t(1) << (bits - 1);
    return near ? input.integer(-2, 2) : input.edge(-end, end - 1);
}

// A record with windows of `widths`: most are open, the bounds of the others in any order.
template <class RECORD>
RECORD any_record(bytes& input, std::int64_t index, const std::vector<int>& widths, bool near) {
    RECORD record = {};
    int at = 0;
    const auto put = [&](std::int64_t value, int bits) {
        for (int bit = 0; bit < bits; ++bit, ++at) {
            record.words[at / 64] |= std::uint64_t(value >> bit & 1) << at % 64;
        }
    };
    put(index, fpga_gnn::RECORD_INDEX_BITS);
    for (const int bits : widths) {
        const std::int64_t end = std::int64_t(1) << (bits - 1), closed = input.integer(0, 31);
        put(closed == 1 || closed == 3 ? any_value(input, bits, near) : -end, bits);
        put(closed == 2 || closed == 3 ? any_value(input, bits, near) : end - 1, bits);
    }
    return record;
}

// What the host lets through: hits before and after those of the modules, doublets in any order
// and twice, triplets whose outer doublet starts elsewhere, up to two rows beyond each capacity.
template <class CFG>
map_event any_event(bytes& input) {
    const std::vector<int> pair = {CFG::Z0_BITS, CFG::DPHI_BITS, CFG::DETA_BITS,
                                   CFG::PHI_SLOPE_BITS};
    std::vector<int> triple = pair;
    triple.insert(triple.end(), pair.begin(), pair.end());
    triple.insert(triple.end(), {CFG::DYDX_BITS, CFG::DZDR_BITS});
    const bool near = input.integer(0, 1) == 1;
    map_event event;
    const std::int32_t n_modules = any_count(input, CFG::MAX_MODULES);
    event.module_start = any_starts(input, input.integer(0, 2), n_modules,
                                    CFG::MAX_HITS / CFG::MAX_MODULES + 1);
    event.hits.resize(event.module_start.back() + input.integer(0, 2));
    event.doublet_start = any_starts(input, 0, n_modules, CFG::MAX_MODULE_DOUBLETS);
    const std::int32_t n_doublets = event.doublet_start.back();
    for (int d = 0; d < n_doublets; ++d) {
        event.doublets.push_back(any_record<fpga_gnn::doublet_record>(
            input, input.edge(0, n_modules - 1), pair, near));
    }
    event.triplet_start = any_starts(input, 0, n_doublets,
                                     CFG::MAX_MODULE_TRIPLETS / CFG::MAX_MODULE_DOUBLETS + 1);
    for (int d = 0; d < n_doublets; ++d) {
        const std::int32_t first = event.doublet_start[event.target(d)];
        const std::int32_t last = event.doublet_start[event.target(d) + 1];
        for (int t = event.triplet_start[d]; t < event.triplet_start[d + 1]; ++t) {
            const bool follows = first < last && input.integer(0, 7) != 7;
            const std::int64_t outer =
                follows ? input.integer(first, last - 1) : input.integer(0, n_doublets - 1);
            event.triplets.push_back(
                any_record<fpga_gnn::triplet_record>(input, outer, triple, near));
        }
    }
    for (fpga_gnn::hit_record& hit : event.hits) {
        for (std::int32_t* length : {&hit.x, &hit.y, &hit.z, &hit.r}) {
            *length = any_value(input, CFG::LENGTH_BITS, near);
        }
        hit.phi = any_value(input, CFG::PHI_BITS, near);
        hit.eta = any_value(input, CFG::ETA_BITS, near);
    }
    return event;
}

inline std::int64_t overflow_of(std::int64_t need, int capacity, std::int64_t overflow) {
    return need > capacity ? overflow : 0;
}

// What the sizes of an event tell of its status.
template <class CFG>
fpga_gnn::module_map_status status_of_sizes(const map_event& event) {
    fpga_gnn::module_map_status status = {};
    status.overflow =
        overflow_of(event.hits.size(), CFG::MAX_HITS, fpga_gnn::MAP_OVERFLOW_HITS) |
        overflow_of(event.n_modules(), CFG::MAX_MODULES, fpga_gnn::MAP_OVERFLOW_MODULES) |
        overflow_of(event.doublets.size(), CFG::MAX_DOUBLETS, fpga_gnn::MAP_OVERFLOW_DOUBLETS);
    if (status.overflow != 0) {
        return status;
    }
    const starts& hits = event.module_start;
    for (int m = 0; m < event.n_modules(); ++m) {
        const std::int64_t first = event.doublet_start[m], last = event.doublet_start[m + 1];
        const std::int64_t n_triplets = event.triplet_start[last] - event.triplet_start[first];
        status.module_doublets = std::max(status.module_doublets, last - first);
        status.module_triplets = std::max(status.module_triplets, n_triplets);
        for (int d = first; d < last; ++d) {
            int n_blocks = 0, block = -1;
            for (int h = hits[event.target(d)]; h < hits[event.target(d) + 1]; ++h) {
                n_blocks += h / CFG::LANES != block;
                block = h / CFG::LANES;
            }
            status.n_blocks += (hits[m + 1] - hits[m]) * n_blocks;
        }
    }
    status.overflow = overflow_of(status.module_doublets, CFG::MAX_MODULE_DOUBLETS,
                                  fpga_gnn::MAP_OVERFLOW_MODULE_DOUBLETS) |
                      overflow_of(status.module_triplets, CFG::MAX_MODULE_TRIPLETS,
                                  fpga_gnn::MAP_OVERFLOW_MODULE_TRIPLETS) |
                      overflow_of(status.n_blocks, CFG::MAX_BLOCKS, fpga_gnn::MAP_OVERFLOW_BLOCKS);
    return status;
}

// The pairs of hits inside their doublet's windows, in the kernel's order.
template <class CFG>
std::vector<map_candidate> law_of_doublets(const map_event& event) {
    const starts& hits = event.module_start;
    std::vector<map_candidate> found;
    for (int m = 0; m < event.n_modules(); ++m) {
        for (int one = hits[m]; one < hits[m + 1]; ++one) {
            for (int d = event.doublet_start[m]; d < event.doublet_start[m + 1]; ++d) {
                const auto windows = fpga_gnn::windows_of_doublet<CFG>(event.doublets[d]);
                for (int two = hits[event.target(d)]; two < hits[event.target(d) + 1]; ++two) {
                    if (fpga_gnn::doublet_accepts<CFG>(windows, event.hit<CFG>(one),
                                                       event.hit<CFG>(two))) {
                        found.push_back({one, two, d, 0});
                    }
                }
            }
        }
    }
    return found;
}

// Tags the pairs that are part of a triplet inside its windows.
template <class CFG>
void law_of_triplets(const map_event& event, bool physical, std::vector<map_candidate>& found) {
    for (map_candidate& inner : found) {
        const auto one = event.hit<CFG>(inner.src), two = event.hit<CFG>(inner.dst);
        for (int t = event.triplet_start[inner.doublet];
             t < event.triplet_start[inner.doublet + 1]; ++t) {
            const fpga_gnn::triplet_record& triplet = event.triplets[t];
            const auto pair = fpga_gnn::inner_windows_of_triplet<CFG>(triplet);
            const auto windows = fpga_gnn::outer_windows_of_triplet<CFG>(triplet);
            const std::int32_t outer_doublet = fpga_gnn::index_of(triplet);
            if (!fpga_gnn::doublet_accepts<CFG>(pair, one, two)) {
                continue;
            }
            for (map_candidate& outer : found) {
                if (outer.src == inner.dst && outer.doublet == outer_doublet &&
                    fpga_gnn::outer_accepts<CFG>(windows, physical, one, two,
                                                 event.hit<CFG>(outer.dst))) {
                    inner.tagged = outer.tagged = 1;
                }
            }
        }
    }
}

template <class CFG>
map_answer law(const map_event& event, bool physical) {
    map_answer answer = {status_of_sizes<CFG>(event), {}, false};
    answer.fits = answer.status.overflow == 0;
    if (answer.fits) {
        answer.candidates = law_of_doublets<CFG>(event);
        law_of_triplets<CFG>(event, physical, answer.candidates);
        answer.status.n_candidates = answer.candidates.size();
        for (const map_candidate& candidate : answer.candidates) {
            answer.status.n_edges += candidate.tagged;
        }
        answer.status.overflow =
            overflow_of(answer.status.n_edges, CFG::MAX_EDGES, fpga_gnn::MAP_OVERFLOW_EDGES);
    }
    return answer;
}

}  // namespace fuzz

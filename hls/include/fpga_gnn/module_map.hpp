// Module map: hit pairs inside doublet windows, tagged where a triplet of them fits.
// Reference: fpga_gnn/reference/module_map.py
// Law:   for module, hit h1 of it, doublet d of it, hit h2 of target(d): candidate (h1, h2, d) if
//          dr = r2-r1, dz = z2-z1, dphi = wrap(phi2-phi1), deta = eta1-eta2,
//          z0 = (z1*dr - r1*dz)/dr and phi_slope = dphi/dr lie in the windows of d
//        (dr = 0: the ratios are infinite with the sign of dz and dphi).
//        for candidate e1 = (h1, h2, d), triplet t of d, candidate e2 = (h2, h3, outer(t)): tag
//        e1 and e2 if both lie in t's doublet windows and
//          dydx = (y2-y1)/(x1-x2) - (y2-y3)/(x2-x3), dzdr = (z2-z1)/(r2-r1) - (z3-z2)/(r3-r2)
//        lie in t's windows (zero denominator: infinite with the sign of the numerator).
// Needs: integers within CFG's formats, starts ascending, indices of existing rows (the host checks
//        with check_inputs). Sizes above capacity: nothing is stored, `overflow` names them.
//        Candidates above MAX_CANDIDATES: counted in n_candidates, not stored, `overflow` says so.
// Cost:  N hits, M modules, D doublets, T triplets, C candidates. Load N+2M+2D+T cycles; scan
//        max(P, L + ~10 N) for P hit pairs (II=1) from L (hit, doublet) ranges, listed
//        concurrently; tag max(2 Q, R + ~10 C) for Q (e1, t, candidate of h2) steps (II=2: three
//        hits from two ports) from R (e1, t) ranges; store C. A count of the loops, not a
//        synthesis result; on the shipped pile-up 20 events P = 0.2..0.5 M dominates.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/expand.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/width.hpp"
#include "fpga_gnn/window.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

// Records in global memory: 32-bit words, padded to a power of two so that one record is one beat.
// Windows are (low, high) pairs in the order of DOUBLET_WINDOWS and TRIPLET_WINDOWS.
struct hit_record {
    std::int32_t x, y, z, r, phi, eta, unused[2];
};
struct doublet_record {
    std::int32_t target, windows[4][2], unused[7];
};
struct triplet_record {
    std::int32_t outer, windows[10][2], unused[11];
};
struct candidate_record {
    std::int32_t src, dst, doublet, tagged;
};
static_assert(sizeof(hit_record) == 32 && sizeof(doublet_record) == 64, "packed records");
static_assert(sizeof(triplet_record) == 128 && sizeof(candidate_record) == 16, "packed records");

struct module_map_size {
    std::int32_t hits, modules, doublets, triplets;
};

constexpr std::int64_t OVERFLOW_HITS = 1;
constexpr std::int64_t OVERFLOW_MODULES = 2;
constexpr std::int64_t OVERFLOW_DOUBLETS = 4;
constexpr std::int64_t OVERFLOW_TRIPLETS = 8;
constexpr std::int64_t OVERFLOW_CANDIDATES = 16;

struct module_map_status {
    std::int64_t n_candidates, n_stored, n_tagged, overflow;
};

template <class CFG>
using hit_index = ap_uint<width_of(CFG::MAX_HITS)>;
template <class CFG>
using module_index = ap_uint<width_of(CFG::MAX_MODULES)>;
template <class CFG>
using doublet_index = ap_uint<width_of(CFG::MAX_DOUBLETS)>;
template <class CFG>
using triplet_index = ap_uint<width_of(CFG::MAX_TRIPLETS)>;
template <class CFG>
using candidate_index = ap_uint<width_of(CFG::MAX_CANDIDATES)>;

template <class CFG>
struct hit {
    ap_int<CFG::LENGTH_BITS> x, y, z, r;
    ap_int<CFG::PHI_BITS> phi;
    ap_int<CFG::ETA_BITS> eta;
};

template <class CFG>
struct doublet_windows {
    window<CFG::Z0_BITS> z0;
    window<CFG::DPHI_BITS> dphi;
    window<CFG::DETA_BITS> deta;
    window<CFG::PHI_SLOPE_BITS> phi_slope;
};

template <class CFG>
struct triplet_windows {
    doublet_windows<CFG> inner, outer;
    window<CFG::DYDX_BITS> dydx;
    window<CFG::DZDR_BITS> dzdr;
};

template <class CFG>
struct candidate {
    hit_index<CFG> src, dst;
    doublet_index<CFG> doublet;
};

// Candidates that leave one hit: first..last-1.
template <class CFG>
struct candidate_span {
    candidate_index<CFG> first, last;
};

// On-chip memory of the kernel; every array is read by one process of a dataflow region.
template <class CFG>
struct module_map_memory {
    hit<CFG> hits[CFG::MAX_HITS];
    hit_index<CFG> module_start[CFG::MAX_MODULES + 1];
    doublet_index<CFG> doublet_start[CFG::MAX_MODULES + 1];
    module_index<CFG> doublet_target[CFG::MAX_DOUBLETS];
    doublet_windows<CFG> doublets[CFG::MAX_DOUBLETS];
    triplet_index<CFG> triplet_start[CFG::MAX_DOUBLETS + 1];
    doublet_index<CFG> triplet_outer[CFG::MAX_TRIPLETS];
    triplet_windows<CFG> triplets[CFG::MAX_TRIPLETS];
    candidate_span<CFG> spans[CFG::MAX_HITS];
    candidate<CFG> listed[CFG::MAX_CANDIDATES];   // read by list_triplets
    candidate<CFG> checked[CFG::MAX_CANDIDATES];  // the same, read by check_triplets
    ap_uint<1> tagged[CFG::MAX_CANDIDATES];
};

template <class CFG>
struct pair_owner {
    hit_index<CFG> src;
    doublet_index<CFG> doublet;
};
template <class CFG>
struct triplet_owner {
    candidate_index<CFG> inner;
    triplet_index<CFG> triplet;
};
template <class CFG>
using pair_ranges = hls::stream<scan_range<pair_owner<CFG>, hit_index<CFG>>>;
template <class CFG>
using pair_steps = hls::stream<scan_step<pair_owner<CFG>, hit_index<CFG>>>;
template <class CFG>
using triplet_ranges = hls::stream<scan_range<triplet_owner<CFG>, candidate_index<CFG>>>;
template <class CFG>
using triplet_steps = hls::stream<scan_step<triplet_owner<CFG>, candidate_index<CFG>>>;

template <class CFG>
constexpr std::int64_t max_pair_steps() {
    return std::int64_t(CFG::MAX_HITS) * CFG::MAX_DOUBLETS * CFG::MAX_HITS;
}
template <class CFG>
constexpr std::int64_t max_triplet_steps() {
    return std::int64_t(CFG::MAX_CANDIDATES) * CFG::MAX_TRIPLETS * CFG::MAX_CANDIDATES;
}

template <int BITS>
window<BITS> to_window(const std::int32_t bounds[2]) {
    return {ap_int<BITS>(bounds[0]), ap_int<BITS>(bounds[1])};
}

template <class CFG>
doublet_windows<CFG> to_doublet_windows(const std::int32_t windows[4][2]) {
    return {to_window<CFG::Z0_BITS>(windows[0]), to_window<CFG::DPHI_BITS>(windows[1]),
            to_window<CFG::DETA_BITS>(windows[2]), to_window<CFG::PHI_SLOPE_BITS>(windows[3])};
}

template <class CFG>
triplet_windows<CFG> to_triplet_windows(const std::int32_t windows[10][2]) {
    return {to_doublet_windows<CFG>(windows), to_doublet_windows<CFG>(windows + 4),
            to_window<CFG::DYDX_BITS>(windows[8]), to_window<CFG::DZDR_BITS>(windows[9])};
}

template <class CFG>
bool doublet_accepts(const doublet_windows<CFG>& windows, const hit<CFG>& one,
                     const hit<CFG>& two) {
    static_assert(CFG::Z0_FRAC == CFG::LENGTH_FRAC, "z0 is in length LSB");
    static_assert(CFG::DPHI_FRAC == CFG::PHI_FRAC, "dphi is in phi LSB");
    static_assert(CFG::DETA_FRAC == CFG::ETA_FRAC, "deta is in eta LSB");
    using difference = ap_int<CFG::LENGTH_BITS + 1>;
    const difference dr = two.r - one.r;
    const difference dz = two.z - one.z;
    // Dropping the carry wraps the binary angle.
    const ap_int<CFG::PHI_BITS> dphi = two.phi - one.phi;
    const ap_int<CFG::ETA_BITS + 1> deta = one.eta - two.eta;
    const ap_int<2 * CFG::LENGTH_BITS + 2> z0 = one.z * dr - one.r * dz;
    return accepts_ratio<0>(windows.z0, z0, dr, dz >= 0) && accepts(windows.dphi, dphi) &&
           accepts(windows.deta, deta) &&
           accepts_ratio<CFG::PHI_SLOPE_FRAC>(windows.phi_slope, dphi, dr, dphi >= 0);
}

// a/b - c/d inside the window.
template <int FRAC, int BITS, int WIDTH>
bool slope_difference_accepts(const window<BITS>& bounds, const ap_int<WIDTH>& a,
                              const ap_int<WIDTH>& b, const ap_int<WIDTH>& c,
                              const ap_int<WIDTH>& d) {
    const ap_int<2 * WIDTH + 1> numerator = a * d - c * b;
    const ap_int<2 * WIDTH> denominator = b * d;
    return accepts_ratio<FRAC>(bounds, numerator, denominator, numerator >= 0);
}

template <class CFG>
bool triplet_accepts(const triplet_windows<CFG>& windows, const hit<CFG>& one, const hit<CFG>& two,
                     const hit<CFG>& three) {
    using difference = ap_int<CFG::LENGTH_BITS + 1>;
    const difference y21 = two.y - one.y, x12 = one.x - two.x;
    const difference y23 = two.y - three.y, x23 = two.x - three.x;
    const difference z21 = two.z - one.z, r21 = two.r - one.r;
    const difference z32 = three.z - two.z, r32 = three.r - two.r;
    return doublet_accepts<CFG>(windows.inner, one, two) &&
           doublet_accepts<CFG>(windows.outer, two, three) &&
           slope_difference_accepts<CFG::DYDX_FRAC>(windows.dydx, y21, x12, y23, x23) &&
           slope_difference_accepts<CFG::DZDR_FRAC>(windows.dzdr, z21, r21, z32, r32);
}

template <class CFG>
std::int64_t size_overflow(const module_map_size& size) {
    return (size.hits > CFG::MAX_HITS ? OVERFLOW_HITS : 0) |
           (size.modules > CFG::MAX_MODULES ? OVERFLOW_MODULES : 0) |
           (size.doublets > CFG::MAX_DOUBLETS ? OVERFLOW_DOUBLETS : 0) |
           (size.triplets > CFG::MAX_TRIPLETS ? OVERFLOW_TRIPLETS : 0);
}

template <class CFG>
void load_hits(const module_map_size& size, const hit_record* records,
               const std::int32_t* module_start, module_map_memory<CFG>& memory) {
LOAD_HITS:
    for (int h = 0; h < size.hits; ++h) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_HITS)
        const hit_record& record = records[h];
        memory.hits[h] = {record.x, record.y, record.z, record.r, record.phi, record.eta};
        memory.spans[h] = {0, 0};
    }
LOAD_MODULES:
    for (int m = 0; m <= size.modules; ++m) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        memory.module_start[m] = module_start[m];
    }
}

template <class CFG>
void load_map(const module_map_size& size, const doublet_record* doublets,
              const std::int32_t* doublet_start, const triplet_record* triplets,
              const std::int32_t* triplet_start, module_map_memory<CFG>& memory) {
LOAD_DOUBLET_STARTS:
    for (int m = 0; m <= size.modules; ++m) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        memory.doublet_start[m] = doublet_start[m];
    }
LOAD_DOUBLETS:
    for (int d = 0; d < size.doublets; ++d) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_DOUBLETS)
        memory.doublet_target[d] = doublets[d].target;
        memory.doublets[d] = to_doublet_windows<CFG>(doublets[d].windows);
    }
LOAD_TRIPLET_STARTS:
    for (int d = 0; d <= size.doublets; ++d) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_DOUBLETS)
        memory.triplet_start[d] = triplet_start[d];
    }
LOAD_TRIPLETS:
    for (int t = 0; t < size.triplets; ++t) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_TRIPLETS)
        memory.triplet_outer[t] = triplets[t].outer;
        memory.triplets[t] = to_triplet_windows<CFG>(triplets[t].windows);
    }
}

template <class CFG>
void list_pairs(int n_modules, const hit_index<CFG> module_start[],
                const doublet_index<CFG> doublet_start[], const module_index<CFG> doublet_target[],
                pair_ranges<CFG>& ranges) {
MODULES:
    for (int m = 0; m < n_modules; ++m) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        const doublet_index<CFG> first = doublet_start[m], last = doublet_start[m + 1];
        const hit_index<CFG> first_hit = module_start[m], last_hit = module_start[m + 1];
    HITS:
        for (hit_index<CFG> h = first_hit; h < last_hit; ++h) {
            FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_HITS)
        DOUBLETS:
            for (doublet_index<CFG> d = first; d < last; ++d) {
                FPGA_GNN_HLS(pipeline II = 1)
                FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_DOUBLETS)
                const module_index<CFG> target = doublet_target[d];
                const hit_index<CFG> begin = module_start[target];
                const hit_index<CFG> end = module_start[target + 1];
                if (begin < end) {
                    ranges.write({{h, d}, begin, end, false});
                }
            }
        }
    }
    ranges.write({{0, 0}, 0, 0, true});
}

template <class CFG>
void check_pairs(pair_steps<CFG>& steps, const hit<CFG> hits[],
                 const doublet_windows<CFG> doublets[], candidate<CFG> listed[],
                 candidate<CFG> checked[], ap_uint<1> tagged[], candidate_span<CFG> spans[],
                 std::int64_t& n_candidates) {
    std::int64_t count = 0;
    candidate_index<CFG> first = 0;
    hit_index<CFG> source = 0;
CHECK_PAIRS:
    for (std::int64_t i = 0; i <= max_pair_steps<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        const scan_step<pair_owner<CFG>, hit_index<CFG>> step = steps.read();
        if (step.end) {
            break;
        }
        const hit_index<CFG> src = step.owner.src, dst = step.item;
        const doublet_index<CFG> doublet = step.owner.doublet;
        if (doublet_accepts<CFG>(doublets[doublet], hits[src], hits[dst])) {
            if (count < CFG::MAX_CANDIDATES) {
                if (src != source || count == 0) {
                    first = count;
                    source = src;
                }
                listed[count] = {src, dst, doublet};
                checked[count] = {src, dst, doublet};
                tagged[count] = 0;
                spans[src] = {first, candidate_index<CFG>(count + 1)};
            }
            ++count;
        }
    }
    n_candidates = count;
}

template <class CFG>
void find_candidates(int n_modules, module_map_memory<CFG>& memory, std::int64_t& n_candidates) {
    FPGA_GNN_HLS(dataflow)
    pair_ranges<CFG> ranges("pair_ranges");
    pair_steps<CFG> steps("pair_steps");
    list_pairs<CFG>(n_modules, memory.module_start, memory.doublet_start, memory.doublet_target,
                    ranges);
    expand<max_pair_steps<CFG>()>(ranges, steps);
    check_pairs<CFG>(steps, memory.hits, memory.doublets, memory.listed, memory.checked,
                     memory.tagged, memory.spans, n_candidates);
}

template <class CFG>
void list_triplets(candidate_index<CFG> n_stored, const candidate<CFG> listed[],
                   const candidate_span<CFG> spans[], const triplet_index<CFG> triplet_start[],
                   triplet_ranges<CFG>& ranges) {
INNER_CANDIDATES:
    for (candidate_index<CFG> e1 = 0; e1 < n_stored; ++e1) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_CANDIDATES)
        const candidate<CFG> inner = listed[e1];
        const candidate_span<CFG> outer = spans[inner.dst];
        const triplet_index<CFG> first = triplet_start[inner.doublet];
        const triplet_index<CFG> last = triplet_start[inner.doublet + 1];
    TRIPLETS:
        for (triplet_index<CFG> t = first; t < last; ++t) {
            FPGA_GNN_HLS(pipeline II = 1)
            FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_TRIPLETS)
            if (outer.first < outer.last) {
                ranges.write({{e1, t}, outer.first, outer.last, false});
            }
        }
    }
    ranges.write({{0, 0}, 0, 0, true});
}

template <class CFG>
void check_triplets(triplet_steps<CFG>& steps, const hit<CFG> hits[],
                    const candidate<CFG> checked[], const doublet_index<CFG> triplet_outer[],
                    const triplet_windows<CFG> triplets[], ap_uint<1> tagged[]) {
CHECK_TRIPLETS:
    for (std::int64_t i = 0; i <= max_triplet_steps<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 2)
        const scan_step<triplet_owner<CFG>, candidate_index<CFG>> step = steps.read();
        if (step.end) {
            break;
        }
        const triplet_index<CFG> t = step.owner.triplet;
        const candidate<CFG> inner = checked[step.owner.inner], outer = checked[step.item];
        if (outer.doublet == triplet_outer[t] &&
            triplet_accepts<CFG>(triplets[t], hits[inner.src], hits[inner.dst], hits[outer.dst])) {
            tagged[step.owner.inner] = 1;
            tagged[step.item] = 1;
        }
    }
}

template <class CFG>
void tag_candidates(candidate_index<CFG> n_stored, module_map_memory<CFG>& memory) {
    FPGA_GNN_HLS(dataflow)
    triplet_ranges<CFG> ranges("triplet_ranges");
    triplet_steps<CFG> steps("triplet_steps");
    list_triplets<CFG>(n_stored, memory.listed, memory.spans, memory.triplet_start, ranges);
    expand<max_triplet_steps<CFG>()>(ranges, steps);
    check_triplets<CFG>(steps, memory.hits, memory.checked, memory.triplet_outer, memory.triplets,
                        memory.tagged);
}

template <class CFG>
std::int64_t store_candidates(candidate_index<CFG> n_stored, const module_map_memory<CFG>& memory,
                              candidate_record* candidates) {
    std::int64_t n_tagged = 0;
STORE_CANDIDATES:
    for (candidate_index<CFG> c = 0; c < n_stored; ++c) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_CANDIDATES)
        const candidate<CFG> stored = memory.checked[c];
        candidates[c] = {stored.src.to_int(), stored.dst.to_int(), stored.doublet.to_int(),
                         memory.tagged[c].to_int()};
        n_tagged += memory.tagged[c];
    }
    return n_tagged;
}

// `candidates` has MAX_CANDIDATES slots; the first n_stored are written.
template <class CFG>
module_map_status module_map(const module_map_size& size, const hit_record* hits,
                             const std::int32_t* module_start, const doublet_record* doublets,
                             const std::int32_t* doublet_start, const triplet_record* triplets,
                             const std::int32_t* triplet_start, module_map_memory<CFG>& memory,
                             candidate_record* candidates) {
    module_map_status status = {0, 0, 0, size_overflow<CFG>(size)};
    if (status.overflow != 0) {
        return status;
    }
    load_hits<CFG>(size, hits, module_start, memory);
    load_map<CFG>(size, doublets, doublet_start, triplets, triplet_start, memory);
    find_candidates<CFG>(size.modules, memory, status.n_candidates);
    const bool full = status.n_candidates > CFG::MAX_CANDIDATES;
    status.overflow = full ? OVERFLOW_CANDIDATES : 0;
    status.n_stored = full ? std::int64_t(CFG::MAX_CANDIDATES) : status.n_candidates;
    tag_candidates<CFG>(status.n_stored, memory);
    status.n_tagged = store_candidates<CFG>(status.n_stored, memory, candidates);
    return status;
}

}  // namespace fpga_gnn

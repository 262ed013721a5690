// Module map: hit pairs inside doublet windows, tagged where a triplet of them fits.
// Reference: fpga_gnn/reference/module_map.py
// Law:   for module, hit h1 of it, doublet d of it, hit h2 of target(d): candidate (h1, h2, d) if
//        the pair passes d's windows. For candidate e1 = (h1, h2, d), triplet t of d, candidate
//        e2 = (h2, h3, outer(t)): both are tagged if (h1, h2, h3) passes t's windows
//        (hit_windows.hpp). Edges: the tagged candidates by source, doublet and target hit, with
//        their features (edge_features.hpp); nodes: all hits. If the targets of each module's
//        doublets ascend, which module_map_store.py checks, that is the order (src, dst).
// Needs: integers within CFG's formats, starts ascending, indices of existing rows (the host checks
//        with check_inputs). More hits, modules, doublets, doublets or triplets of one module, or
//        blocks than the capacities: nothing but `status` is written, `overflow` names them and the
//        counts are exact. Edges above MAX_EDGES: counted in n_edges, not stored, `overflow` says so.
// Cost:  Hits lie in aligned blocks of LANES. Of N hits, M modules, D doublets, T triplets: W blocks
//        of (h1, d), L pairs (h1, d), C candidates, E edges, K of (e1, TRIPLET_LANES triplets),
//        S survivors of the inner windows whose h2 has a candidate of outer(t), V their blocks.
//          load and index  N + 2 M + 2 D
//          find            max(W + D, L + ~10 N)                LANES pairs per cycle
//          tag             max(K + T, S + T, V + T, C + T, 8 x tags)   LANES triples per cycle
//          emit            max(L + ~10 N, words with a candidate, E)
//        Processes of a phase run concurrently, II=1 (tags: II=8). A count of the loops, not a
//        synthesis result. Memory: 3 MAX_BLOCKS LANES bits (candidates twice, tags), hits twice,
//        2 MAX_HITS MAX_MODULE_DOUBLETS bits, tables of modules and doublets. The map is read from
//        global memory: doublets twice, triplets once, in bursts.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/bitmap.hpp"
#include "fpga_gnn/edge_features.hpp"
#include "fpga_gnn/expand.hpp"
#include "fpga_gnn/hit_windows.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/module_map_records.hpp"
#include "fpga_gnn/width.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

struct module_map_size {
    std::int32_t hits, modules, doublets;
};

constexpr std::int64_t MAP_OVERFLOW_HITS = 1;
constexpr std::int64_t MAP_OVERFLOW_MODULES = 2;
constexpr std::int64_t MAP_OVERFLOW_DOUBLETS = 4;
constexpr std::int64_t MAP_OVERFLOW_MODULE_DOUBLETS = 8;
constexpr std::int64_t MAP_OVERFLOW_MODULE_TRIPLETS = 16;
constexpr std::int64_t MAP_OVERFLOW_BLOCKS = 32;
constexpr std::int64_t MAP_OVERFLOW_EDGES = 64;

// Counts of the whole event; of `module_doublets` and `module_triplets` the largest of a module.
struct module_map_status {
    std::int64_t overflow, module_doublets, module_triplets, n_blocks;
    std::int64_t n_candidates, n_edges, n_saturated, unused;
};

template <class CFG>
constexpr int hit_blocks() {
    return (CFG::MAX_HITS + CFG::LANES - 1) / CFG::LANES;
}
template <class CFG>
constexpr int triplet_lanes() {
    return CFG::LANES < 4 ? CFG::LANES : 4;
}
template <class CFG>
constexpr int triplet_blocks() {
    return (CFG::MAX_MODULE_TRIPLETS + triplet_lanes<CFG>() - 1) / triplet_lanes<CFG>();
}

template <class CFG>
using hit_index = ap_uint<width_of(CFG::MAX_HITS)>;
template <class CFG>
using module_index = ap_uint<width_of(CFG::MAX_MODULES)>;
template <class CFG>
using doublet_index = ap_uint<width_of(CFG::MAX_DOUBLETS)>;
template <class CFG>
using word_index = ap_uint<width_of(CFG::MAX_BLOCKS)>;
// Position among the doublets or triplets of one module.
template <class CFG>
using doublet_slot = ap_uint<width_of(CFG::MAX_MODULE_DOUBLETS)>;
template <class CFG>
using triplet_slot = ap_uint<width_of(CFG::MAX_MODULE_TRIPLETS)>;
template <class CFG>
using slot_mask = ap_uint<CFG::MAX_MODULE_DOUBLETS>;
template <class CFG>
using lane_index = ap_uint<width_of(CFG::LANES)>;
// A block of hits, or the slot of a map entry on its way into a buffer.
template <class CFG>
using block_item =
    ap_uint<larger(width_of(hit_blocks<CFG>()), larger(width_of(CFG::MAX_MODULE_DOUBLETS),
                                                       width_of(CFG::MAX_MODULE_TRIPLETS)))>;
// Word minus block.
template <class CFG>
using word_offset =
    ap_int<larger(width_of(CFG::MAX_BLOCKS), width_of(hit_blocks<CFG>())) + 1>;

template <class CFG>
struct hit_block {
    hit<CFG> lane[CFG::LANES];
};

// One module of the event: its hits, doublets and number of triplets; word of its first hit, words
// per hit.
template <class CFG>
struct module_row {
    hit_index<CFG> first_hit, last_hit;
    doublet_index<CFG> first_doublet, last_doublet;
    triplet_slot<CFG> n_triplets;
    word_index<CFG> word, hit_words;
};

// The target's hits; of `word` the first word of the doublet among those of one source hit.
template <class CFG>
struct doublet_row {
    hit_index<CFG> first_hit, last_hit;
    word_index<CFG> word;
};

// Triplets whose inner doublet this is, as slots of the module, and the module they go on to.
template <class CFG>
struct inner_row {
    module_index<CFG> target;
    triplet_slot<CFG> first_triplet, last_triplet;
};

// On-chip memory of the kernel; every array is used by one process of a dataflow region.
template <class CFG>
struct module_map_memory {
    hit<CFG> hits[CFG::MAX_HITS];
    hit_block<CFG> blocks[hit_blocks<CFG>()];  // the same, LANES at a time
    hit_index<CFG> module_start[CFG::MAX_MODULES + 1];
    doublet_index<CFG> doublet_start[CFG::MAX_MODULES + 1];
    module_row<CFG> sources[CFG::MAX_MODULES];
    module_row<CFG> middles[CFG::MAX_MODULES];  // the same, of a triplet's second hit
    doublet_row<CFG> doublets[CFG::MAX_DOUBLETS];
    doublet_row<CFG> outers[CFG::MAX_DOUBLETS];  // the same, of a triplet's second doublet
    inner_row<CFG> inners[CFG::MAX_DOUBLETS];
    slot_mask<CFG> leaving[CFG::MAX_HITS];   // doublets with a candidate from this hit
    slot_mask<CFG> followed[CFG::MAX_HITS];  // the same, of a triplet's second hit
    bitmap_row accepted[bitmap_rows<CFG>()];
    bitmap_row followers[bitmap_rows<CFG>()];  // the same, of a triplet's second doublet
    bitmap_row tagged[bitmap_rows<CFG>()];
};

template <class CFG>
constexpr std::int64_t max_loads() {
    return std::int64_t(CFG::MAX_MODULES) * CFG::MAX_MODULE_TRIPLETS;
}
template <class CFG>
constexpr std::int64_t max_candidates() {
    return std::int64_t(CFG::MAX_BLOCKS) * CFG::LANES;
}
template <class CFG>
constexpr std::int64_t max_triplet_steps() {
    return max_candidates<CFG>() * CFG::MAX_MODULE_TRIPLETS;
}

// Phase 1: hits and starts into the chip, one row per module and doublet.

template <class CFG>
std::int64_t size_overflow(const module_map_size& size) {
    return (size.hits > CFG::MAX_HITS ? MAP_OVERFLOW_HITS : 0) |
           (size.modules > CFG::MAX_MODULES ? MAP_OVERFLOW_MODULES : 0) |
           (size.doublets > CFG::MAX_DOUBLETS ? MAP_OVERFLOW_DOUBLETS : 0);
}

template <class CFG>
void load_event(const module_map_size& size, const hit_record* records,
                const std::int32_t* module_start, const std::int32_t* doublet_start,
                module_map_memory<CFG>& memory) {
LOAD_HITS:
    for (int h = 0; h < size.hits; ++h) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_HITS)
        const hit_record& record = records[h];
        const hit<CFG> loaded = {record.x, record.y, record.z, record.r, record.phi, record.eta};
        memory.hits[h] = loaded;
        memory.blocks[h / CFG::LANES].lane[h % CFG::LANES] = loaded;
        memory.leaving[h] = 0;
        memory.followed[h] = 0;
    }
LOAD_MODULE_STARTS:
    for (int m = 0; m <= size.modules; ++m) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        memory.module_start[m] = module_start[m];
    }
LOAD_DOUBLET_STARTS:
    for (int m = 0; m <= size.modules; ++m) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        memory.doublet_start[m] = doublet_start[m];
    }
}

struct doublet_link {
    std::int32_t target, first_triplet, last_triplet;
};

template <class CFG>
void fetch_links(int n_doublets, const doublet_record* doublets, const std::int32_t* triplet_start,
                 hls::stream<doublet_link>& links) {
    std::int32_t first = 0;
FETCH_LINKS:
    for (int d = 0; d < n_doublets; ++d) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_DOUBLETS)
        const std::int32_t last = triplet_start[d + 1];
        links.write({std::int32_t(index_of(doublets[d])), first, last});
        first = last;
    }
}

template <class CFG>
void index_links(int n_modules, hls::stream<doublet_link>& links,
                 const hit_index<CFG> module_start[], const doublet_index<CFG> doublet_start[],
                 module_row<CFG> sources[], module_row<CFG> middles[], doublet_row<CFG> doublets[],
                 doublet_row<CFG> outers[], inner_row<CFG> inners[], module_map_status& status) {
    std::int64_t n_blocks = 0, most_doublets = 0, most_triplets = 0;
    std::int32_t first_triplet = 0;
INDEX_MODULES:
    for (int m = 0; m < n_modules; ++m) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        const int first_hit = module_start[m], last_hit = module_start[m + 1];
        const int first = doublet_start[m], last = doublet_start[m + 1];
        std::int64_t hit_words = 0;
        std::int32_t last_triplet = first_triplet;
    INDEX_DOUBLETS:
        for (int d = first; d < last; ++d) {
            FPGA_GNN_HLS(pipeline II = 1)
            FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_DOUBLETS)
            const doublet_link link = links.read();
            const int begin = module_start[link.target], end = module_start[link.target + 1];
            const doublet_row<CFG> row = {begin, end, word_index<CFG>(hit_words)};
            doublets[d] = row;
            outers[d] = row;
            inners[d] = {link.target, triplet_slot<CFG>(link.first_triplet - first_triplet),
                         triplet_slot<CFG>(link.last_triplet - first_triplet)};
            last_triplet = link.last_triplet;
            if (begin < end) {
                hit_words += (end - 1) / CFG::LANES - begin / CFG::LANES + 1;
            }
        }
        const std::int32_t n_triplets = last_triplet - first_triplet;
        const module_row<CFG> row = {first_hit,
                                     last_hit,
                                     first,
                                     last,
                                     triplet_slot<CFG>(n_triplets),
                                     word_index<CFG>(n_blocks),
                                     word_index<CFG>(hit_words)};
        sources[m] = row;
        middles[m] = row;
        n_blocks += (last_hit - first_hit) * hit_words;
        most_doublets = last - first > most_doublets ? last - first : most_doublets;
        most_triplets = n_triplets > most_triplets ? n_triplets : most_triplets;
        first_triplet = last_triplet;
    }
    status.module_doublets = most_doublets;
    status.module_triplets = most_triplets;
    status.n_blocks = n_blocks;
    status.overflow =
        (most_doublets > CFG::MAX_MODULE_DOUBLETS ? MAP_OVERFLOW_MODULE_DOUBLETS : 0) |
        (most_triplets > CFG::MAX_MODULE_TRIPLETS ? MAP_OVERFLOW_MODULE_TRIPLETS : 0) |
        (n_blocks > CFG::MAX_BLOCKS ? MAP_OVERFLOW_BLOCKS : 0);
}

template <class CFG>
void index_map(const module_map_size& size, const doublet_record* doublets,
               const std::int32_t* triplet_start, module_map_memory<CFG>& memory,
               module_map_status& status) {
    FPGA_GNN_HLS(dataflow)
    hls::stream<doublet_link> links("doublet_links");
    fetch_links<CFG>(size.doublets, doublets, triplet_start, links);
    index_links<CFG>(size.modules, links, memory.module_start, memory.doublet_start, memory.sources,
                     memory.middles, memory.doublets, memory.outers, memory.inners, status);
}

// Phase 2: one word of the bitmap per cycle, LANES pairs each.

template <class CFG>
struct pair_owner {
    hit_index<CFG> src, first_hit, last_hit;
    doublet_slot<CFG> slot;
};
template <class CFG>
using pair_ranges = hls::stream<scan_range<pair_owner<CFG>, block_item<CFG>>>;

template <class CFG>
void fetch_doublets(int n_doublets, const doublet_record* records,
                    hls::stream<doublet_windows<CFG>>& doublets) {
FETCH_DOUBLETS:
    for (int d = 0; d < n_doublets; ++d) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_DOUBLETS)
        doublets.write(windows_of_doublet<CFG>(records[d]));
    }
}

template <class CFG>
void list_pairs(int n_modules, const module_row<CFG> sources[], const doublet_row<CFG> doublets[],
                pair_ranges<CFG>& ranges) {
PAIR_MODULES:
    for (int m = 0; m < n_modules; ++m) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        const module_row<CFG> source = sources[m];
        const int n_doublets = source.last_doublet - source.first_doublet;
        if (n_doublets > 0) {
            ranges.write({{0, 0, 0, 0}, 0, n_doublets, true, false});
        }
    PAIR_HITS:
        for (hit_index<CFG> h = source.first_hit; h < source.last_hit; ++h) {
            FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_HITS)
        PAIR_DOUBLETS:
            for (int slot = 0; slot < n_doublets; ++slot) {
                FPGA_GNN_HLS(pipeline II = 1)
                FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULE_DOUBLETS)
                const doublet_row<CFG> row = doublets[source.first_doublet + slot];
                if (row.first_hit < row.last_hit) {
                    const int first = row.first_hit, last = row.last_hit;
                    ranges.write({{h, first, last, slot},
                                  first / CFG::LANES,
                                  (last - 1) / CFG::LANES + 1,
                                  false,
                                  false});
                }
            }
        }
    }
    ranges.write({{0, 0, 0, 0}, 0, 0, false, true});
}

template <class CFG>
lane_mask<CFG> accepted_lanes(const doublet_windows<CFG>& windows, const hit<CFG>& one,
                              const hit_block<CFG>& block, int first, int last) {
    lane_mask<CFG> lanes = 0;
ACCEPTED_LANES:
    for (int lane = 0; lane < CFG::LANES; ++lane) {
        FPGA_GNN_HLS(unroll)
        if (lane >= first && lane < last && doublet_accepts<CFG>(windows, one, block.lane[lane])) {
            lanes |= one_bit<CFG::LANES>(lane);
        }
    }
    return lanes;
}

template <class CFG>
void check_pairs(pair_ranges<CFG>& ranges, hls::stream<doublet_windows<CFG>>& doublets,
                 const hit<CFG> hits[], const hit_block<CFG> blocks[], slot_mask<CFG> leaving[],
                 slot_mask<CFG> followed[], bitmap_row accepted[], bitmap_row followers[],
                 bitmap_row tagged[], std::int64_t& n_candidates) {
    range_scan<pair_owner<CFG>, block_item<CFG>> scan;
    doublet_windows<CFG> buffer[CFG::MAX_MODULE_DOUBLETS];
    std::int64_t count = 0;
    int word = 0;
    bitmap_row row = 0;
    hit_index<CFG> source = 0;
    slot_mask<CFG> mask = 0;
CHECK_PAIRS:
    for (std::int64_t i = 0; i <= CFG::MAX_BLOCKS + CFG::MAX_DOUBLETS; ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        scan.next(ranges);
        if (scan.range.end) {
            break;
        }
        const pair_owner<CFG>& owner = scan.range.owner;
        if (scan.range.load) {
            buffer[scan.item] = doublets.read();
        } else {
            const int at = scan.item * CFG::LANES;
            const lane_mask<CFG> lanes =
                accepted_lanes<CFG>(buffer[owner.slot], hits[owner.src], blocks[scan.item],
                                    owner.first_hit - at, owner.last_hit - at);
            row |= place_word<CFG>(word, lanes);
            accepted[word / row_words<CFG>()] = row;
            followers[word / row_words<CFG>()] = row;
            tagged[word / row_words<CFG>()] = 0;
            ++word;
            if (word % row_words<CFG>() == 0) {
                row = 0;
            }
            if (lanes != 0) {
                mask = (owner.src == source ? mask : slot_mask<CFG>(0)) |
                       one_bit<CFG::MAX_MODULE_DOUBLETS>(owner.slot);
                source = owner.src;
                leaving[source] = mask;
                followed[source] = mask;
                count += count_bits(lanes);
            }
        }
    }
    n_candidates = count;
}

template <class CFG>
void find_candidates(const module_map_size& size, const doublet_record* records,
                     module_map_memory<CFG>& memory, std::int64_t& n_candidates) {
    FPGA_GNN_HLS(dataflow)
    hls::stream<doublet_windows<CFG>> doublets("doublets");
    pair_ranges<CFG> ranges("pair_ranges");
    fetch_doublets<CFG>(size.doublets, records, doublets);
    list_pairs<CFG>(size.modules, memory.sources, memory.doublets, ranges);
    check_pairs<CFG>(ranges, doublets, memory.hits, memory.blocks, memory.leaving, memory.followed,
                     memory.accepted, memory.followers, memory.tagged, n_candidates);
}

// The candidates of a bitmap, one per cycle and in order. `load` announces the next triplet of a
// module before the module's candidates.

template <class CFG>
struct word_owner {
    hit_index<CFG> src;
    doublet_index<CFG> doublet;
    word_offset<CFG> word;
};
template <class CFG>
using word_ranges = hls::stream<scan_range<word_owner<CFG>, block_item<CFG>>>;

template <class CFG>
struct word_step {
    word_owner<CFG> owner;
    block_item<CFG> item;
    lane_mask<CFG> lanes;
    bool load, end;
};
template <class CFG>
using word_steps = hls::stream<word_step<CFG>>;

template <class CFG>
struct candidate_step {
    hit_index<CFG> src, dst;
    doublet_index<CFG> doublet;
    word_index<CFG> word;
    lane_index<CFG> lane;
    triplet_slot<CFG> slot;
    bool load, end;
};
template <class CFG>
using candidate_steps = hls::stream<candidate_step<CFG>>;

template <class CFG>
void list_words(int n_modules, bool load_triplets, const module_row<CFG> sources[],
                const doublet_row<CFG> doublets[], const slot_mask<CFG> leaving[],
                word_ranges<CFG>& ranges) {
    word_offset<CFG> word = 0;
WORD_MODULES:
    for (int m = 0; m < n_modules; ++m) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULES)
        const module_row<CFG> source = sources[m];
        const int n_doublets = source.last_doublet - source.first_doublet;
        if (load_triplets && source.n_triplets > 0) {
            ranges.write({{0, 0, 0}, 0, source.n_triplets, true, false});
        }
    WORD_HITS:
        for (hit_index<CFG> h = source.first_hit; h < source.last_hit; ++h) {
            FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_HITS)
            const slot_mask<CFG> mask = leaving[h];
        WORD_DOUBLETS:
            for (int slot = 0; slot < n_doublets; ++slot) {
                FPGA_GNN_HLS(pipeline II = 1)
                FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_MODULE_DOUBLETS)
                const doublet_index<CFG> d = source.first_doublet + slot;
                const doublet_row<CFG> row = doublets[d];
                if (row.first_hit < row.last_hit) {
                    const int first = row.first_hit / CFG::LANES;
                    const int last = (row.last_hit - 1) / CFG::LANES + 1;
                    if (has_bit(mask, slot)) {
                        ranges.write({{h, d, word - first}, first, last, false, false});
                    }
                    word += last - first;
                }
            }
        }
    }
    ranges.write({{0, 0, 0}, 0, 0, false, true});
}

template <class CFG>
void read_words(word_ranges<CFG>& ranges, const bitmap_row bitmap[], word_steps<CFG>& steps) {
    range_scan<word_owner<CFG>, block_item<CFG>> scan;
READ_WORDS:
    for (std::int64_t i = 0; i <= CFG::MAX_BLOCKS + max_loads<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        scan.next(ranges);
        const bool marks = scan.range.load || scan.range.end;
        word_owner<CFG> owner = scan.range.owner;
        owner.word += scan.item;
        const lane_mask<CFG> lanes =
            marks ? lane_mask<CFG>(0) : read_word<CFG>(bitmap, owner.word);
        if (marks || lanes != 0) {
            steps.write({owner, scan.item, lanes, scan.range.load, scan.range.end});
        }
        if (scan.range.end) {
            break;
        }
    }
}

template <class CFG>
void split_words(word_steps<CFG>& steps, candidate_steps<CFG>& candidates) {
    word_step<CFG> step;
    lane_mask<CFG> rest = 0;
SPLIT_WORDS:
    for (std::int64_t i = 0; i <= max_candidates<CFG>() + max_loads<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        if (rest == 0) {
            step = steps.read();
            rest = step.lanes;
        }
        const int lane = take_lowest<CFG::LANES>(rest);
        candidates.write({step.owner.src, step.item * CFG::LANES + lane, step.owner.doublet,
                          step.owner.word, lane, step.item, step.load, step.end});
        if (step.end) {
            break;
        }
    }
}

// Phase 3: each candidate as first pair of every triplet of its doublet.

template <class CFG>
struct inner_triplet {
    doublet_index<CFG> outer;
    doublet_windows<CFG> windows;
};
template <class CFG>
using inner_triplets = hls::stream<inner_triplet<CFG>>;
template <class CFG>
using outer_triplets = hls::stream<outer_windows<CFG>>;

// First pair (src, dst) at `lane` of `word`, its triplets, and what leaves dst: doublets `followed`
// from `first_doublet` on, words from `next_word` on.
template <class CFG>
struct inner_owner {
    hit_index<CFG> src, dst;
    word_index<CFG> word;
    lane_index<CFG> lane;
    triplet_slot<CFG> first_triplet, last_triplet;
    doublet_index<CFG> first_doublet;
    slot_mask<CFG> followed;
    word_index<CFG> next_word;
};
template <class CFG>
using inner_ranges = hls::stream<scan_range<inner_owner<CFG>, triplet_slot<CFG>>>;

// First pair `one`, `two` and its place; `next_word` as above.
template <class CFG>
struct first_pair {
    hit<CFG> one, two;
    word_index<CFG> word, next_word;
    lane_index<CFG> lane;
};

// Triplets of a block whose inner windows the first pair passes.
template <class CFG>
struct triplet_group {
    first_pair<CFG> pair;
    triplet_slot<CFG> slot;  // of lane 0
    ap_uint<triplet_lanes<CFG>()> lanes;
    doublet_index<CFG> outer[triplet_lanes<CFG>()];
    bool load, end;
};
template <class CFG>
using triplet_groups = hls::stream<triplet_group<CFG>>;

template <class CFG>
struct outer_owner {
    first_pair<CFG> pair;
    triplet_slot<CFG> slot;
    word_offset<CFG> offset;  // from block to word
};
template <class CFG>
using outer_ranges = hls::stream<scan_range<outer_owner<CFG>, block_item<CFG>>>;

// Lanes of a triple's second word, and the lane of its first.
template <class CFG>
struct tag_step {
    word_index<CFG> outer_word, inner_word;
    lane_mask<CFG> outer_lanes, inner_lanes;
    bool end;
};
template <class CFG>
using tag_steps = hls::stream<tag_step<CFG>>;

template <class CFG>
void fetch_triplets(int n_triplets, const triplet_record* records, inner_triplets<CFG>& inner,
                    outer_triplets<CFG>& outer) {
FETCH_TRIPLETS:
    for (int t = 0; t < n_triplets; ++t) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = max_loads<CFG>())
        const triplet_record record = records[t];
        inner.write({index_of(record), inner_windows_of_triplet<CFG>(record)});
        outer.write(outer_windows_of_triplet<CFG>(record));
    }
}

template <class CFG>
void list_triplets(candidate_steps<CFG>& candidates, const module_row<CFG> middles[],
                   const inner_row<CFG> inners[], const slot_mask<CFG> followed[],
                   inner_ranges<CFG>& ranges) {
LIST_TRIPLETS:
    for (std::int64_t i = 0; i <= max_candidates<CFG>() + max_loads<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        const candidate_step<CFG> step = candidates.read();
        inner_owner<CFG> owner = {step.src, step.dst, step.word, step.lane, 0, 0, 0, 0, 0};
        if (step.load || step.end) {
            ranges.write({owner, step.slot, step.slot + (step.end ? 0 : 1), step.load, step.end});
        } else {
            const inner_row<CFG> row = inners[step.doublet];
            const module_row<CFG> middle = middles[row.target];
            owner.first_triplet = row.first_triplet;
            owner.last_triplet = row.last_triplet;
            owner.first_doublet = middle.first_doublet;
            owner.followed = followed[step.dst];
            owner.next_word = middle.word + (step.dst - middle.first_hit) * middle.hit_words;
            if (owner.followed != 0 && row.first_triplet < row.last_triplet) {
                ranges.write({owner, row.first_triplet / triplet_lanes<CFG>(),
                              (row.last_triplet - 1) / triplet_lanes<CFG>() + 1, false, false});
            }
        }
        if (step.end) {
            break;
        }
    }
}

template <class CFG>
bool is_followed(const inner_owner<CFG>& owner, const doublet_index<CFG>& outer) {
    const int slot = outer - owner.first_doublet;
    return slot >= 0 && slot < CFG::MAX_MODULE_DOUBLETS && has_bit(owner.followed, slot);
}

template <class CFG>
void check_inner(inner_ranges<CFG>& ranges, inner_triplets<CFG>& triplets, const hit<CFG> hits[],
                 triplet_groups<CFG>& groups) {
    constexpr int LANES = triplet_lanes<CFG>();
    range_scan<inner_owner<CFG>, triplet_slot<CFG>> scan;
    inner_triplet<CFG> buffer[triplet_blocks<CFG>()][LANES];
    FPGA_GNN_HLS(array_partition variable = buffer dim = 2 complete)
CHECK_INNER:
    for (std::int64_t i = 0; i <= max_triplet_steps<CFG>() + max_loads<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        scan.next(ranges);
        const inner_owner<CFG>& owner = scan.range.owner;
        triplet_group<CFG> group;
        group.load = scan.range.load;
        group.end = scan.range.end;
        group.lanes = 0;
        if (scan.range.load) {
            group.slot = scan.item;
            buffer[scan.item / LANES][scan.item % LANES] = triplets.read();
        } else if (!scan.range.end) {
            group.slot = scan.item * LANES;
            const hit<CFG> one = hits[owner.src], two = hits[owner.dst];
            group.pair = {one, two, owner.word, owner.next_word, owner.lane};
        CHECK_TRIPLETS:
            for (int lane = 0; lane < LANES; ++lane) {
                FPGA_GNN_HLS(unroll)
                const int slot = group.slot + lane;
                const inner_triplet<CFG>& triplet = buffer[scan.item][lane];
                group.outer[lane] = triplet.outer;
                if (slot >= owner.first_triplet && slot < owner.last_triplet &&
                    is_followed<CFG>(owner, triplet.outer) &&
                    doublet_accepts<CFG>(triplet.windows, one, two)) {
                    group.lanes |= one_bit<LANES>(lane);
                }
            }
        }
        if (group.load || group.end || group.lanes != 0) {
            groups.write(group);
        }
        if (group.end) {
            break;
        }
    }
}

template <class CFG>
void split_triplets(triplet_groups<CFG>& groups, const doublet_row<CFG> outers[],
                    outer_ranges<CFG>& ranges) {
    constexpr int LANES = triplet_lanes<CFG>();
    triplet_group<CFG> group;
    ap_uint<LANES> rest = 0;
SPLIT_TRIPLETS:
    for (std::int64_t i = 0; i <= max_triplet_steps<CFG>() + max_loads<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        if (rest == 0) {
            group = groups.read();
            rest = group.lanes;
        }
        const int lane = take_lowest<LANES>(rest);
        const triplet_slot<CFG> slot = group.slot + lane;
        if (group.load || group.end) {
            ranges.write({{group.pair, slot, 0}, slot, slot + (group.end ? 0 : 1), group.load,
                          group.end});
        } else {
            const doublet_row<CFG> row = outers[group.outer[lane]];
            const int first = row.first_hit / CFG::LANES;
            const word_offset<CFG> offset = group.pair.next_word + row.word - first;
            ranges.write({{group.pair, slot, offset},
                          first,
                          (row.last_hit - 1) / CFG::LANES + 1,
                          false,
                          false});
        }
        if (group.end) {
            break;
        }
    }
}

template <class CFG>
lane_mask<CFG> tripled_lanes(const outer_windows<CFG>& windows, bool physical,
                             const first_pair<CFG>& pair, const hit_block<CFG>& block,
                             const lane_mask<CFG>& candidates) {
    lane_mask<CFG> lanes = 0;
TRIPLED_LANES:
    for (int lane = 0; lane < CFG::LANES; ++lane) {
        FPGA_GNN_HLS(unroll)
        if (has_bit(candidates, lane) &&
            outer_accepts<CFG>(windows, physical, pair.one, pair.two, block.lane[lane])) {
            lanes |= one_bit<CFG::LANES>(lane);
        }
    }
    return lanes;
}

template <class CFG>
void check_outer(bool physical, outer_ranges<CFG>& ranges, outer_triplets<CFG>& triplets,
                 const hit_block<CFG> blocks[], const bitmap_row followers[],
                 tag_steps<CFG>& tags) {
    range_scan<outer_owner<CFG>, block_item<CFG>> scan;
    outer_windows<CFG> buffer[CFG::MAX_MODULE_TRIPLETS];
CHECK_OUTER:
    for (std::int64_t i = 0;
         i <= max_triplet_steps<CFG>() * hit_blocks<CFG>() + max_loads<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        scan.next(ranges);
        const outer_owner<CFG>& owner = scan.range.owner;
        if (scan.range.end) {
            tags.write({0, 0, 0, 0, true});
            break;
        }
        if (scan.range.load) {
            buffer[scan.item] = triplets.read();
        } else {
            const int word = owner.offset + scan.item;
            const lane_mask<CFG> lanes =
                tripled_lanes<CFG>(buffer[owner.slot], physical, owner.pair, blocks[scan.item],
                                   read_word<CFG>(followers, word));
            if (lanes != 0) {
                tags.write({word, owner.pair.word, lanes,
                            one_bit<CFG::LANES>(owner.pair.lane), false});
            }
        }
    }
}

template <class CFG>
void set_tags(tag_steps<CFG>& tags, bitmap_row tagged[]) {
SET_TAGS:
    for (std::int64_t i = 0; i <= max_triplet_steps<CFG>() * hit_blocks<CFG>(); ++i) {
        // Two reads and writes, one after the other, of a memory with some cycles of latency.
        FPGA_GNN_HLS(pipeline II = 8)
        const tag_step<CFG> tag = tags.read();
        if (tag.end) {
            break;
        }
        add_to_word<CFG>(tagged, tag.inner_word, tag.inner_lanes);
        add_to_word<CFG>(tagged, tag.outer_word, tag.outer_lanes);
    }
}

template <class CFG>
void tag_candidates(const module_map_size& size, int n_triplets, bool physical,
                    const triplet_record* records, module_map_memory<CFG>& memory) {
    FPGA_GNN_HLS(dataflow)
    inner_triplets<CFG> inner("inner_triplets");
    outer_triplets<CFG> outer("outer_triplets");
    word_ranges<CFG> words("word_ranges");
    word_steps<CFG> accepted("word_steps");
    candidate_steps<CFG> candidates("candidates");
    inner_ranges<CFG> pairs("inner_ranges");
    triplet_groups<CFG> groups("triplet_groups");
    outer_ranges<CFG> triples("outer_ranges");
    tag_steps<CFG> tags("tags");
    fetch_triplets<CFG>(n_triplets, records, inner, outer);
    list_words<CFG>(size.modules, true, memory.sources, memory.doublets, memory.leaving, words);
    read_words<CFG>(words, memory.accepted, accepted);
    split_words<CFG>(accepted, candidates);
    list_triplets<CFG>(candidates, memory.middles, memory.inners, memory.followed, pairs);
    check_inner<CFG>(pairs, inner, memory.hits, groups);
    split_triplets<CFG>(groups, memory.outers, triples);
    check_outer<CFG>(physical, triples, outer, memory.blocks, memory.followers, tags);
    set_tags<CFG>(tags, memory.tagged);
}

// Phase 4: nodes and edges with their features, as streams.

struct graph_edge_step {
    graph_edge_record edge;
    bool end;
};
using graph_edges = hls::stream<graph_edge_step>;
using graph_nodes = hls::stream<graph_node_record>;

template <class CFG>
void emit_nodes(int n_hits, const hit_block<CFG> blocks[], graph_nodes& nodes,
                std::int64_t& n_saturated) {
    static_assert(CFG::FEATURE_BITS <= 16 && CFG::NODE_FEATURES <= 4, "the record holds them");
    std::int64_t count = 0;
EMIT_NODES:
    for (int h = 0; h < n_hits; ++h) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_HITS)
        const node_features<CFG> row =
            features_of_node<CFG>(blocks[h / CFG::LANES].lane[h % CFG::LANES]);
        graph_node_record record = {};
    NODE_COLUMNS:
        for (int column = 0; column < CFG::NODE_FEATURES; ++column) {
            FPGA_GNN_HLS(unroll)
            record.features[column] = row.column[column];
        }
        nodes.write(record);
        count += row.n_saturated;
    }
    n_saturated = count;
}

template <class CFG>
void emit_edges(candidate_steps<CFG>& tagged, const hit<CFG> hits[], graph_edges& edges,
                std::int64_t& n_edges, std::int64_t& n_saturated) {
    static_assert(CFG::FEATURE_BITS <= 16 && CFG::EDGE_FEATURES <= 12, "the record holds them");
    std::int64_t count = 0, clipped = 0;
EMIT_EDGES:
    for (std::int64_t i = 0; i <= max_candidates<CFG>(); ++i) {
        FPGA_GNN_HLS(pipeline II = 1)
        const candidate_step<CFG> step = tagged.read();
        graph_edge_record record = {};
        if (step.end) {
            edges.write({record, true});
            break;
        }
        const edge_features<CFG> row = features_of_edge<CFG>(hits[step.src], hits[step.dst]);
        record.src = step.src;
        record.dst = step.dst;
    EDGE_COLUMNS:
        for (int column = 0; column < CFG::EDGE_FEATURES; ++column) {
            FPGA_GNN_HLS(unroll)
            record.features[column] = row.column[column];
        }
        if (count < CFG::MAX_EDGES) {
            edges.write({record, false});
            clipped += row.n_saturated;
        }
        ++count;
    }
    n_edges = count;
    n_saturated = clipped;
}

inline void store_nodes(int n_hits, graph_nodes& nodes, graph_node_record* records) {
STORE_NODES:
    for (int h = 0; h < n_hits; ++h) {
        FPGA_GNN_HLS(pipeline II = 1)
        records[h] = nodes.read();
    }
}

template <class CFG>
void store_edges(graph_edges& edges, graph_edge_record* records) {
STORE_EDGES:
    for (int e = 0; e <= CFG::MAX_EDGES; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        const graph_edge_step step = edges.read();
        if (step.end) {
            break;
        }
        records[e] = step.edge;
    }
}

template <class CFG>
void emit_graph(const module_map_size& size, module_map_memory<CFG>& memory, graph_nodes& nodes,
                graph_edges& edges, std::int64_t& n_edges, std::int64_t& node_saturations,
                std::int64_t& edge_saturations) {
    FPGA_GNN_HLS(dataflow)
    word_ranges<CFG> words("tagged_ranges");
    word_steps<CFG> steps("tagged_steps");
    candidate_steps<CFG> tagged("tagged");
    emit_nodes<CFG>(size.hits, memory.blocks, nodes, node_saturations);
    list_words<CFG>(size.modules, false, memory.sources, memory.doublets, memory.leaving, words);
    read_words<CFG>(words, memory.tagged, steps);
    split_words<CFG>(steps, tagged);
    emit_edges<CFG>(tagged, memory.hits, edges, n_edges, edge_saturations);
}

template <class CFG>
void store_graph(const module_map_size& size, module_map_memory<CFG>& memory,
                 graph_node_record* nodes, graph_edge_record* edges, std::int64_t& n_edges,
                 std::int64_t& node_saturations, std::int64_t& edge_saturations) {
    FPGA_GNN_HLS(dataflow)
    graph_nodes node_stream("graph_nodes");
    graph_edges edge_stream("graph_edges");
    emit_graph<CFG>(size, memory, node_stream, edge_stream, n_edges, node_saturations,
                    edge_saturations);
    store_nodes(size.hits, node_stream, nodes);
    store_edges<CFG>(edge_stream, edges);
}

// Phases 1 to 3: candidates and tags stay in `memory`. False, with `status.overflow`, above a
// capacity.
template <class CFG>
bool find_edges(const module_map_size& size, bool physical, const hit_record* hits,
                const std::int32_t* module_start, const doublet_record* doublets,
                const std::int32_t* doublet_start, const triplet_record* triplets,
                const std::int32_t* triplet_start, module_map_memory<CFG>& memory,
                module_map_status& status) {
    status = {size_overflow<CFG>(size), 0, 0, 0, 0, 0, 0, 0};
    if (status.overflow != 0) {
        return false;
    }
    load_event<CFG>(size, hits, module_start, doublet_start, memory);
    index_map<CFG>(size, doublets, triplet_start, memory, status);
    if (status.overflow != 0) {
        return false;
    }
    find_candidates<CFG>(size, doublets, memory, status.n_candidates);
    tag_candidates<CFG>(size, triplet_start[size.doublets], physical, triplets, memory);
    return true;
}

// `nodes` has size.hits slots, `edges` MAX_EDGES; of those the first n_edges are written.
template <class CFG>
module_map_status module_map(const module_map_size& size, bool physical, const hit_record* hits,
                             const std::int32_t* module_start, const doublet_record* doublets,
                             const std::int32_t* doublet_start, const triplet_record* triplets,
                             const std::int32_t* triplet_start, module_map_memory<CFG>& memory,
                             graph_node_record* nodes, graph_edge_record* edges) {
    module_map_status status;
    if (find_edges<CFG>(size, physical, hits, module_start, doublets, doublet_start, triplets,
                        triplet_start, memory, status)) {
        std::int64_t node_saturations = 0, edge_saturations = 0;
        store_graph<CFG>(size, memory, nodes, edges, status.n_edges, node_saturations,
                         edge_saturations);
        status.n_saturated = node_saturations + edge_saturations;
        status.overflow = status.n_edges > CFG::MAX_EDGES ? MAP_OVERFLOW_EDGES : 0;
    }
    return status;
}

}  // namespace fpga_gnn

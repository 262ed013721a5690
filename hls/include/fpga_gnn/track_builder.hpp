// Track builder: score cut, junction removal, chains of the edges that are left as hit lists.
// Reference: fpga_gnn/reference/track_builder.py
// Law:   Of the edges with score > cut, the best out of (into) a node has the highest score, of
//        equal ones the first. An edge stays if it is the best out of src and the best into dst;
//        one from a node to itself may be best, but joins nothing. What is left are paths and
//        rings. Tracks are those of at least min_hits nodes: paths by ascending first node, from
//        it along the edges, then rings by ascending smallest node, from it along the edges.
// Needs: edges strictly ascending by (src, dst), 0 <= src, dst < n_nodes, cut in SCORE_BITS + 1
//        bits, 1 <= min_hits < HELD (the host checks). Sizes above capacity: the edges are read,
//        no track is written, the status names them.
// Cost:  N nodes, E edges. INIT N, EDGES E + 1, LINK N at II = 1. FOLLOW has one iteration per
//        node of a chain and one per 64 nodes, rings (only if there are any) 64 nodes more, at
//        II = 3: a memory read of two cycles gives the next address. So at most
//        E + 2 N + 3 (N + 2 ceil(N / 64)) + HELD cycles and the pipelines' depths, whatever the
//        scores: E = 185 k, N = 84 k (pile-up 200): 3.3 cycles per edge. A count of the loops, not
//        a synthesis result. Memory: MAX_NODES (3 width_of(MAX_NODES) + SCORE_BITS + 3) bits.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/delayed_writes.hpp"
#include "fpga_gnn/hit_lists.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/scored_edges.hpp"

namespace fpga_gnn {

constexpr int NODES_PER_WORD = 64;
// A chain waits here until it is known to be long enough; a power of two.
constexpr int HELD = 64;

// The best edge into a node: its source and score, before the first one the node and the cut.
template <class CFG>
struct best_edge {
    node_index<CFG> src;
    ap_int<CFG::SCORE_BITS + 1> score;
};

template <class CFG>
struct track_builder_memory {
    static constexpr int WORDS = (CFG::MAX_NODES + NODES_PER_WORD - 1) / NODES_PER_WORD;
    best_edge<CFG> in[CFG::MAX_NODES];
    node_index<CFG> out[CFG::MAX_NODES];  // where the best edge out leads; the node itself if none
    node_index<CFG> next[CFG::MAX_NODES];  // the chain's next node; at its end the node itself
    std::uint64_t first[WORDS];            // a bit per node: the first of a path
    std::uint64_t waiting[WORDS];          // a bit per node: on a chain, not walked yet
};

inline int lowest_bit(std::uint64_t word) {
    int lowest = 0;
LOWEST:
    for (int bit = NODES_PER_WORD - 1; bit >= 0; --bit) {
        FPGA_GNN_HLS(unroll)
        if ((word >> bit & 1) != 0) {
            lowest = bit;
        }
    }
    return lowest;
}

// Reads all edges and leaves the best ones in memory; returns the number of edges.
template <class CFG>
std::int32_t find_best_edges(bool fits, std::int32_t cut, edge_stream<CFG>& edges,
                             track_builder_memory<CFG>& memory) {
    using score = ap_int<CFG::SCORE_BITS + 1>;
    delayed_writes<node_index<CFG>, best_edge<CFG>> best_in;
    score best_out = cut;
    node_index<CFG> current = 0;
    std::int32_t n_edges = 0;
EDGES:
    for (std::int32_t e = 0; e < INT32_MAX; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        const scored_edge<CFG> edge = edges.read();
        if (edge.last) {
            break;
        }
        ++n_edges;
        if (fits && n_edges <= CFG::MAX_EDGES) {
            if (edge.src != current) {
                current = edge.src;
                best_out = cut;
            }
            if (edge.score > best_out) {
                best_out = edge.score;
                memory.out[edge.src] = edge.dst;
            }
            const bool better = edge.score > best_in.read(memory.in, edge.dst).score;
            best_in.step(memory.in, better, edge.dst, {edge.src, edge.score});
        }
    }
    best_in.drain(memory.in);
    return n_edges;
}

// Keeps the edges that are best at both ends; returns the number of nodes on chains.
template <class CFG>
std::int32_t link_chains(std::int32_t n_nodes, bool alone, track_builder_memory<CFG>& memory) {
    std::uint64_t first = 0, waiting = 0;
    std::int32_t n_waiting = 0;
LINK:
    for (int n = 0; n < n_nodes; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const node_index<CFG> node = n, to = memory.out[n], from = memory.in[n].src;
        const bool leads = to != node && memory.in[to].src == node;
        const bool follows = from != node && memory.out[from] == node;
        memory.next[n] = leads ? to : node;
        const bool on_chain = leads || follows || alone;
        const int bit = n % NODES_PER_WORD;
        waiting |= std::uint64_t(on_chain) << bit;
        first |= std::uint64_t(on_chain && !follows) << bit;
        n_waiting += on_chain;
        if (bit == NODES_PER_WORD - 1 || n == n_nodes - 1) {
            memory.waiting[n / NODES_PER_WORD] = waiting;
            memory.first[n / NODES_PER_WORD] = first;
            waiting = first = 0;
        }
    }
    return n_waiting;
}

// Walks all chains, those of rings after the paths, and writes the long ones.
template <class CFG>
void follow_chains(std::int32_t n_nodes, std::int32_t n_waiting, std::int32_t min_hits,
                   track_builder_memory<CFG>& memory, track_stream<CFG>& tracks) {
    track_node<CFG> held[HELD];
    // Nodes are numbered as they are walked: sent <= kept <= walked; a short chain is taken back.
    std::int32_t sent = 0, kept = 0, walked = 0;
    const int n_words = (n_nodes + NODES_PER_WORD - 1) / NODES_PER_WORD;
PHASES:
    for (int phase = 0; phase < 2 && n_waiting != 0; ++phase) {
        const bool rings = phase == 1;
        std::uint64_t starts = 0;
        int word = -1;
        bool walking = false;
        node_index<CFG> node = 0, start = 0;
        std::int32_t length = 0;
    FOLLOW:
        for (int step = 0; step <= CFG::MAX_NODES + memory.WORDS; ++step) {
            FPGA_GNN_HLS(pipeline II = 3)
            if (!walking && starts == 0) {
                if (++word == n_words) {
                    break;
                }
                starts = rings ? memory.waiting[word] : memory.first[word];
            } else {
                if (!walking) {
                    start = word * NODES_PER_WORD + lowest_bit(starts);
                    node = start;
                    length = 0;
                }
                const int home = node / NODES_PER_WORD;
                const std::uint64_t others = ~(std::uint64_t(1) << int(node % NODES_PER_WORD));
                memory.waiting[home] &= others;
                starts = home == word ? starts & others : starts;
                --n_waiting;
                held[walked++ % HELD] = {node, length == 0, false};
                kept = ++length >= min_hits ? walked : kept;
                const node_index<CFG> following = memory.next[node];
                walking = following != node && following != start;
                walked = walking ? walked : kept;
                node = following;
            }
            if (sent != kept) {
                tracks.write(held[sent++ % HELD]);
            }
        }
    }
SEND_REST:
    for (int step = 0; step < HELD && sent != kept; ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        tracks.write(held[sent++ % HELD]);
    }
}

template <class CFG>
void build_tracks(std::int32_t n_nodes, std::int32_t cut, std::int32_t min_hits,
                  edge_stream<CFG>& edges, track_builder_memory<CFG>& memory,
                  track_stream<CFG>& tracks, status_stream& ended) {
    const bool fits = n_nodes <= CFG::MAX_NODES;
    const int n_used = fits ? n_nodes : 0;
INIT:
    for (int n = 0; n < n_used; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        memory.in[n] = {n, cut};
        memory.out[n] = n;
    }
    const std::int32_t n_edges = find_best_edges<CFG>(fits, cut, edges, memory);
    const std::int32_t errors =
        (fits ? 0 : OVERFLOW_NODES) | (n_edges > CFG::MAX_EDGES ? OVERFLOW_EDGES : 0);
    if (errors == 0) {
        const std::int32_t n_waiting = link_chains<CFG>(n_nodes, min_hits <= 1, memory);
        follow_chains<CFG>(n_nodes, n_waiting, min_hits, memory, tracks);
    }
    tracks.write({0, false, true});
    ended.write({0, 0, errors, 0, 0, 0, {0, 0}});
}

// Global memory to global memory: `hits` has MAX_NODES words, `track_start` one more.
template <class CFG>
void track_builder(std::int32_t n_nodes, std::int32_t n_edges, std::int32_t cut,
                   std::int32_t min_hits, const scored_edge_record* edges,
                   track_builder_memory<CFG>& memory, std::int32_t* track_start,
                   std::int32_t* hits, track_status* status) {
    FPGA_GNN_HLS(dataflow)
    edge_stream<CFG> read;
    track_stream<CFG> tracks;
    status_stream ended;
    read_edges<CFG>(n_edges, edges, read);
    build_tracks<CFG>(n_nodes, cut, min_hits, read, memory, tracks, ended);
    write_tracks<CFG>(tracks, ended, track_start, hits, status);
}

}  // namespace fpga_gnn

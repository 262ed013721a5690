// DWALK: the heaviest paths of a thinned graph, a path of every component in each pass.
// Reference: fpga_gnn/reference/dwalk.py
// Law:   Edges with score > component_cut count. Their components in which no node has two edges
//        in or two out are tracks. Of the rest, an edge stays if its score > add_cut or if, with
//        score >= min_cut, it is the best out of src and the best into dst (the first of equals).
//        best(n) is the greatest sum along a path from n, of the scores or, by_length, of 1 per
//        edge. In each pass, in every component of the edges that stayed, the path from the node
//        without parents that has the greatest best(n) becomes a track and leaves the graph, until
//        no edge is left. Ties go to the lowest node (child). Nodes left over are tracks of one.
//        A component here is one before the first pass. The sequential law takes the heaviest path
//        of the whole graph first; as a path changes best(n) and parents in its own component
//        only, each component gives the same paths in the same order either way.
//        Tracks of at least min_hits nodes, first to last: the simple components by ascending
//        first node, then pass by pass those of the paths, by topological order of the first node
//        (a queue of nodes whose parents are done, first in first out, filled with the nodes
//        without parents and then by each node's edges), then single nodes; each kind ascending.
// Needs: edges strictly ascending by (src, dst), 0 <= src, dst < n_nodes, 0 <= score, 1 <= min_hits
//        (the host checks). Sizes above capacity, or edges with a cycle: no track is written, the
//        status names it. Edges left after MAX_PASSES: counted, and named like an overflow.
// Cost:  N nodes, E edges, of which K count and T stay, S nodes in simple components; passes look
//        at A nodes and B edges (n_visits = A + B). INIT N, LOAD E + 1, THIN K at II = 1; HEADS 3 N
//        and 6 S; Kahn's order 8 per node with edges out, and K; UNITE 3 per read of its two walks
//        (2.6 per edge measured) and 2 T; passes 8 A + B; paths 8 per node and T. MAX_PASSES bounds
//        A by N (MAX_PASSES + 1), and B likewise. Pile-up 200 at the shipped working point: at most
//        two passes, 12 to 15 cycles per edge. A count of the loops at an assumed II, not a
//        synthesis result.
//        Memory: MAX_EDGES (2 width_of(MAX_NODES) + SCORE_BITS) + MAX_NODES (9 width_of(MAX_NODES)
//        + 2 width_of(MAX_EDGES) + 2 SCORE_BITS) bits, with sums that cannot overflow.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/connected_components.hpp"
#include "fpga_gnn/delayed_writes.hpp"
#include "fpga_gnn/hit_lists.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/scored_edges.hpp"
#include "fpga_gnn/width.hpp"

namespace fpga_gnn {

struct dwalk_settings {
    std::int32_t component_cut, min_cut, add_cut, min_hits;
    bool by_length;
};

template <class CFG>
using edge_index = ap_uint<width_of(CFG::MAX_EDGES)>;

// A sum of scores along a path: no more edges than nodes.
template <class CFG>
using path_weight = ap_uint<CFG::SCORE_BITS - 1 + width_of(CFG::MAX_NODES)>;

// The best edge into a node; `score` is the component cut before the first one.
template <class CFG>
struct strongest_edge {
    node_index<CFG> src;
    ap_int<CFG::SCORE_BITS> score;
};

template <class CFG>
struct dwalk_memory {
    // Edges that count, by source; those of node n are first[n] .. last[n].
    node_index<CFG> src[CFG::MAX_EDGES], dst[CFG::MAX_EDGES];
    ap_int<CFG::SCORE_BITS> score[CFG::MAX_EDGES];
    edge_index<CFG> first[CFG::MAX_NODES], last[CFG::MAX_NODES];
    node_index<CFG> n_parents[CFG::MAX_NODES];
    strongest_edge<CFG> in[CFG::MAX_NODES];
    node_index<CFG> out[CFG::MAX_NODES];
    bool used[CFG::MAX_NODES];
    node_index<CFG> order[CFG::MAX_NODES];   // topological; at its end the nodes with edges left
    node_index<CFG> parent[CFG::MAX_NODES];  // in the trees of find_root
    node_index<CFG> root[CFG::MAX_NODES];    // of the best path of a component, NONE before one
    // The best path from a node: its weight, next node (NONE at the end) and number of nodes.
    path_weight<CFG> weight[CFG::MAX_NODES];
    node_index<CFG> next[CFG::MAX_NODES];
    node_index<CFG> length[CFG::MAX_NODES];
};

// Keeps the edges above the component cut, their best ones and the numbers of parents; returns the
// number of all edges.
template <class CFG>
std::int32_t load_edges(bool fits, std::int32_t component_cut, edge_stream<CFG>& edges,
                        dwalk_memory<CFG>& memory, std::int32_t& n_kept) {
    delayed_writes<node_index<CFG>, strongest_edge<CFG>> best_in;
    delayed_writes<node_index<CFG>, node_index<CFG>> n_parents;
    ap_int<CFG::SCORE_BITS> best_out = 0;
    node_index<CFG> current = 0;
    std::int32_t n_edges = 0;
    n_kept = 0;
LOAD:
    for (std::int32_t e = 0; e < INT32_MAX; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        const scored_edge<CFG> edge = edges.read();
        if (edge.last) {
            break;
        }
        ++n_edges;
        if (fits && n_edges <= CFG::MAX_EDGES && edge.score > component_cut) {
            const bool is_new = n_kept == 0 || edge.src != current;
            current = edge.src;
            if (is_new) {
                memory.first[edge.src] = n_kept;
            }
            if (is_new || edge.score > best_out) {
                best_out = edge.score;
                memory.out[edge.src] = edge.dst;
            }
            const bool better = edge.score > best_in.read(memory.in, edge.dst).score;
            best_in.step(memory.in, better, edge.dst, {edge.src, edge.score});
            const node_index<CFG> parents = n_parents.read(memory.n_parents, edge.dst);
            n_parents.step(memory.n_parents, true, edge.dst, parents + 1);
            memory.src[n_kept] = edge.src;
            memory.dst[n_kept] = edge.dst;
            memory.score[n_kept] = edge.score;
            memory.last[edge.src] = ++n_kept;
        }
    }
    best_in.drain(memory.in);
    n_parents.drain(memory.n_parents);
    return n_edges;
}

// Returns the number of nodes of the simple component that starts at `head`, 0 if it is not simple.
template <class CFG>
std::int32_t simple_length(const dwalk_memory<CFG>& memory, node_index<CFG> head) {
    node_index<CFG> node = head;
    std::int32_t length = 0;
SIMPLE:
    for (int step = 1; step <= CFG::MAX_NODES; ++step) {
        const edge_index<CFG> first = memory.first[node];
        const int n_children = memory.last[node] - first;
        if (n_children != 1) {
            length = n_children == 0 ? step : 0;
            break;
        }
        node = memory.dst[first];
        if (memory.n_parents[node] != 1) {
            break;
        }
    }
    return length;
}

// Puts nodes with edges out in topological order at the front of `order`, but of every simple
// component only the first node, at the back. n_seen counts the edges out of all of them.
template <class CFG>
void order_nodes(std::int32_t n_nodes, dwalk_memory<CFG>& memory, int& n_ordered, int& n_simple,
                 std::int32_t& n_seen) {
    n_ordered = n_simple = n_seen = 0;
HEADS:
    for (int n = 0; n < n_nodes; ++n) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        if (memory.n_parents[n] != 0 || memory.first[n] == memory.last[n]) {
            continue;
        }
        const std::int32_t length = simple_length<CFG>(memory, n);
        if (length == 0) {
            memory.order[n_ordered++] = n;
        } else {
            memory.order[CFG::MAX_NODES - ++n_simple] = n;
            memory.length[n] = length;
            n_seen += length - 1;
        }
    }
KAHN:
    for (int head = 0; head < CFG::MAX_NODES; ++head) {
        if (head == n_ordered) {
            break;
        }
        const node_index<CFG> node = memory.order[head];
    CHILDREN:
        for (int e = memory.first[node]; e < int(memory.last[node]); ++e) {
            FPGA_GNN_HLS(pipeline II = 1)
            const node_index<CFG> child = memory.dst[e];
            const node_index<CFG> parents = memory.n_parents[child] - 1;
            memory.n_parents[child] = parents;
            ++n_seen;
            if (parents == 0 && memory.first[child] != memory.last[child]) {
                memory.order[n_ordered++] = child;
            }
        }
    }
}

// Takes the simple components out of the graph.
template <class CFG>
void take_simple(int n_simple, std::int32_t min_hits, dwalk_memory<CFG>& memory,
                 track_stream<CFG>& tracks) {
CHAINS:
    for (int i = 1; i <= n_simple; ++i) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        node_index<CFG> node = memory.order[CFG::MAX_NODES - i];
        const int length = memory.length[node];
    CHAIN:
        for (int step = 0; step < length; ++step) {
            memory.used[node] = true;
            if (length >= min_hits) {
                tracks.write({node, step == 0, false});
            }
            node = memory.dst[memory.first[node]];
        }
    }
}

// Drops the edges that do not stay and joins the others' nodes in components.
template <class CFG>
void thin_edges(std::int32_t n_kept, const dwalk_settings& set, dwalk_memory<CFG>& memory) {
    delayed_writes<node_index<CFG>, node_index<CFG>> n_parents;
    int n_stay = 0;
    node_index<CFG> current = 0;
THIN:
    for (int e = 0; e < n_kept; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        // A row is written where it was read or before: n_stay <= e.
        FPGA_GNN_HLS(dependence variable = memory.src inter false)
        FPGA_GNN_HLS(dependence variable = memory.dst inter false)
        FPGA_GNN_HLS(dependence variable = memory.score inter false)
        const node_index<CFG> src = memory.src[e], dst = memory.dst[e];
        const ap_int<CFG::SCORE_BITS> score = memory.score[e];
        if (e == 0 || src != current) {
            current = src;
            memory.first[src] = n_stay;
        }
        const bool is_best = memory.out[src] == dst && memory.in[dst].src == src;
        if (!memory.used[src] && (score > set.add_cut || (is_best && score >= set.min_cut))) {
            memory.src[n_stay] = src;
            memory.dst[n_stay] = dst;
            memory.score[n_stay] = score;
            const node_index<CFG> parents = n_parents.read(memory.n_parents, dst);
            n_parents.step(memory.n_parents, true, dst, parents + 1);
            ++n_stay;
        }
        memory.last[src] = n_stay;
    }
    n_parents.drain(memory.n_parents);
UNITE:
    for (int e = 0; e < n_stay; ++e) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        const node_index<CFG> one = find_root<CFG>(memory.parent, memory.src[e]);
        const node_index<CFG> two = find_root<CFG>(memory.parent, memory.dst[e]);
        if (one < two) {
            memory.parent[two] = one;
        } else {
            memory.parent[one] = two;
        }
    }
}

// Finds the best path from every node with edges left, and the best root of every component. The
// nodes order[begin .. end) shrink to those with edges left; returns how many edges are left.
template <class CFG>
std::int32_t find_paths(int& begin, int end, bool by_length, dwalk_memory<CFG>& memory,
                        std::int32_t& n_visits) {
    std::int32_t n_left = 0;
    int kept = end;
BACKWARD:
    for (int i = end - 1; i >= begin; --i) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const node_index<CFG> node = memory.order[i];
        ++n_visits;
        if (memory.used[node]) {
            continue;
        }
        path_weight<CFG> best = 0;
        node_index<CFG> next = CFG::MAX_NODES;
    BEST_CHILD:
        for (int e = memory.first[node]; e < int(memory.last[node]); ++e) {
            FPGA_GNN_HLS(pipeline II = 1)
            const node_index<CFG> child = memory.dst[e];
            ++n_visits;
            if (memory.used[child]) {
                continue;
            }
            ++n_left;
            const ap_int<CFG::SCORE_BITS> step = by_length ? 1 : int(memory.score[e]);
            const path_weight<CFG> weight = memory.weight[child] + path_weight<CFG>(step);
            if (next == CFG::MAX_NODES || weight > best) {
                best = weight;
                next = child;
            }
        }
        memory.weight[node] = best;
        memory.next[node] = next;
        if (next == CFG::MAX_NODES) {
            memory.length[node] = 1;
            continue;
        }
        memory.length[node] = memory.length[next] + 1;
        memory.order[--kept] = node;
        if (memory.n_parents[node] == 0) {
            const node_index<CFG> component = find_root<CFG>(memory.parent, node);
            const node_index<CFG> rival = memory.root[component];
            if (rival == CFG::MAX_NODES || best > memory.weight[rival] ||
                (best == memory.weight[rival] && node < rival)) {
                memory.root[component] = node;
            }
        }
    }
    begin = kept;
    return n_left;
}

// Takes the best path of every component out of the graph.
template <class CFG>
void take_paths(int begin, int end, std::int32_t min_hits, dwalk_memory<CFG>& memory,
                track_stream<CFG>& tracks) {
ROOTS:
    for (int i = begin; i < end; ++i) {
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const node_index<CFG> start = memory.order[i];
        if (memory.n_parents[start] != 0) {
            continue;
        }
        const node_index<CFG> component = find_root<CFG>(memory.parent, start);
        if (memory.root[component] != start) {
            continue;
        }
        memory.root[component] = CFG::MAX_NODES;
        const bool is_long = memory.length[start] >= min_hits;
        node_index<CFG> node = start;
    PATH:
        for (int step = 0; step < CFG::MAX_NODES; ++step) {
            memory.used[node] = true;
            if (is_long) {
                tracks.write({node, step == 0, false});
            }
        ORPHANS:
            for (int e = memory.first[node]; e < int(memory.last[node]); ++e) {
                FPGA_GNN_HLS(pipeline II = 1)
                const node_index<CFG> child = memory.dst[e];
                memory.n_parents[child] = memory.n_parents[child] - 1;
            }
            node = memory.next[node];
            if (node == CFG::MAX_NODES) {
                break;
            }
        }
    }
}

template <class CFG>
track_status walk_graph(std::int32_t n_nodes, const dwalk_settings& set, edge_stream<CFG>& edges,
                        dwalk_memory<CFG>& memory, track_stream<CFG>& tracks) {
    track_status status = {0, 0, 0, 0, 0, 0, {0, 0}};
    const bool fits = n_nodes <= CFG::MAX_NODES;
    const int n_used = fits ? n_nodes : 0;
INIT:
    for (int n = 0; n < n_used; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        memory.first[n] = memory.last[n] = 0;
        memory.n_parents[n] = 0;
        memory.in[n] = {n, set.component_cut};
        memory.used[n] = false;
        memory.parent[n] = n;
        memory.root[n] = CFG::MAX_NODES;
        memory.weight[n] = 0;
        memory.next[n] = CFG::MAX_NODES;
        memory.length[n] = 1;
    }
    std::int32_t n_kept, n_seen;
    int begin = 0, end, n_simple;
    const std::int32_t n_edges = load_edges<CFG>(fits, set.component_cut, edges, memory, n_kept);
    status.errors = (fits ? 0 : OVERFLOW_NODES) | (n_edges > CFG::MAX_EDGES ? OVERFLOW_EDGES : 0);
    if (status.errors != 0) {
        return status;
    }
    order_nodes<CFG>(n_nodes, memory, end, n_simple, n_seen);
    if (n_seen != n_kept) {
        status.errors = EDGES_WITH_CYCLE;
        return status;
    }
    take_simple<CFG>(n_simple, set.min_hits, memory, tracks);
    thin_edges<CFG>(n_kept, set, memory);
PASSES:
    for (int pass = 0; pass <= CFG::MAX_PASSES; ++pass) {
        const std::int32_t n_left =
            find_paths<CFG>(begin, end, set.by_length, memory, status.n_visits);
        if (n_left == 0) {
            break;
        }
        if (pass == CFG::MAX_PASSES) {
            status.errors = OVERFLOW_PASSES;
            status.n_unfinished = n_left;
            return status;
        }
        take_paths<CFG>(begin, end, set.min_hits, memory, tracks);
        ++status.n_passes;
    }
ALONE:
    for (int n = 0; n < n_nodes && set.min_hits <= 1; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        if (!memory.used[n]) {
            tracks.write({n, true, false});
        }
    }
    return status;
}

template <class CFG>
void walk_tracks(std::int32_t n_nodes, dwalk_settings set, edge_stream<CFG>& edges,
                 dwalk_memory<CFG>& memory, track_stream<CFG>& tracks, status_stream& ended) {
    const track_status status = walk_graph<CFG>(n_nodes, set, edges, memory, tracks);
    tracks.write({0, false, true});
    ended.write(status);
}

// Global memory to global memory: `hits` has MAX_NODES words, `track_start` one more.
template <class CFG>
void dwalk(std::int32_t n_nodes, std::int32_t n_edges, dwalk_settings set,
           const scored_edge_record* edges, dwalk_memory<CFG>& memory, std::int32_t* track_start,
           std::int32_t* hits, track_status* status) {
    FPGA_GNN_HLS(dataflow)
    edge_stream<CFG> read;
    track_stream<CFG> tracks;
    status_stream ended;
    read_edges<CFG>(n_edges, edges, read);
    walk_tracks<CFG>(n_nodes, set, read, memory, tracks, ended);
    write_tracks<CFG>(tracks, ended, track_start, hits, status);
}

}  // namespace fpga_gnn

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
// Cost:  N nodes in W words of 64, E edges, K of them count, H nodes with edges out but none in, D
//        nodes on the longest way, J joins of trees, P passes, V edges left before them (n_visits).
//        With memory reads of two cycles, at most
//          INIT W, LOAD max(E + 1, N), HEADS H + W + 4, KAHN K + 13 D + 13, RESOLVE 2 (J + W + 4),
//          passes 2 (K + V) + (P + 1) (6 D + 30), SEND and ALONE N + W + 68
//        cycles, at II = 1 but for RESOLVE. KAHN and BACKWARD wait for a node only when no other is
//        at hand. Trees are joined beside KAHN, each in some 20 cycles and two walks of find_root.
//        V <= P K, P <= MAX_PASSES. Pile-up 200 at the shipped working point: 2.1 to 2.4 cycles per
//        edge. Counts of the loops (tests/conformance/test_dwalk_cycles.py), not of a synthesis.
//        Memory: MAX_EDGES (width_of(MAX_NODES) + SCORE_BITS + 2) + MAX_NODES (2 SCORE_BITS + 6 +
//        8 width_of(MAX_NODES) + 2 width_of(MAX_NODES - 1) + 2 width_of(MAX_EDGES)) bits, with sums
//        that cannot overflow. No word of the shipped shape has more than the 72 bits of a URAM.
#pragma once

#include <cstdint>

#include "ap_int.h"
#include "fpga_gnn/bit_scan.hpp"
#include "fpga_gnn/connected_components.hpp"
#include "fpga_gnn/delayed_writes.hpp"
#include "fpga_gnn/hit_lists.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/read_ahead.hpp"
#include "fpga_gnn/scored_edges.hpp"
#include "fpga_gnn/width.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

struct dwalk_settings {
    std::int32_t component_cut, min_cut, add_cut, min_hits;
    bool by_length;
};

template <class CFG>
using edge_index = ap_uint<width_of(CFG::MAX_EDGES)>;

// A sum of scores along a path: fewer edges than nodes.
template <class CFG>
using path_weight = ap_uint<CFG::SCORE_BITS - 1 + width_of(CFG::MAX_NODES - 1)>;

// An edge out of the node in whose row it lies. `chain`: from the first node of its component to
// dst, none has two edges in or two out; `ends`: dst has no edges out.
template <class CFG>
struct walk_edge {
    node_index<CFG> dst;
    ap_uint<CFG::SCORE_BITS - 1> score;
    bool stays, chain, ends;
};

template <class CFG>
struct edge_row {
    edge_index<CFG> first, last;
};

// The edges into a node: those that KAHN has not seen, those that stay and are left, and whether it
// was one in all.
template <class CFG>
struct parents_of {
    node_index<CFG> unseen, left;
    bool one;
};

// The greatest value among rivals, and whose it is; the node is NONE (MAX_NODES) before the first.
template <class CFG>
struct leader {
    node_index<CFG> node;
    path_weight<CFG> value;
};

// The best path from a node: its weight and number of nodes. A `used` node has its place among the
// hits there instead, NONE in a track that is too short.
template <class CFG>
struct best_path {
    path_weight<CFG> weight;
    node_index<CFG> n_nodes;
    bool simple, used;
};

template <class CFG>
struct marked_node {
    node_index<CFG> node;
    bool mark;
};

template <class CFG>
struct walk_memory {
    static constexpr int WORDS = words_of(CFG::MAX_NODES);
    // Edges that count, by source; later those of each row that are left, from its start on.
    walk_edge<CFG> edges[CFG::MAX_EDGES];
    edge_row<CFG> row[CFG::MAX_NODES];
    parents_of<CFG> parents[CFG::MAX_NODES];
    // Of the edges into a node the best, with its source; later of a component's paths.
    leader<CFG> best[CFG::MAX_NODES];
    node_index<CFG> next[CFG::MAX_NODES];  // the best child by score; later that on the best path
    best_path<CFG> path[CFG::MAX_NODES];
    // The nodes that KAHN comes to, marked `chain`; later the hits, the first of a track marked.
    marked_node<CFG> queue[CFG::MAX_NODES];
    node_index<CFG> order[CFG::MAX_NODES];  // topological: the nodes with edges left
    std::uint64_t with_child[WORDS], with_parent[WORDS], taken[WORDS];  // a bit per node
};

template <class CFG>
struct component_memory {
    // Trees of edges that stay: a node leads to the root of its tree, this one to itself or to the
    // root of another.
    node_index<CFG> parent[CFG::MAX_NODES];
    std::uint64_t joined[words_of(CFG::MAX_NODES)];  // a bit per node: a root, led to another
};

template <class CFG>
struct dwalk_memory {
    walk_memory<CFG> walk;
    component_memory<CFG> components;
};

// An edge that stays; `grows`: it is the first into `child`, which it adds to the tree of `parent`.
template <class CFG>
struct component_link {
    node_index<CFG> parent, child;
    bool grows, last;
};

template <class CFG>
using link_stream = hls::stream<component_link<CFG>>;

template <class CFG>
void clear_words(int n_nodes, dwalk_memory<CFG>& memory) {
INIT:
    for (int word = 0; word < words_of(n_nodes); ++word) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = words_of(CFG::MAX_NODES))
        memory.walk.with_child[word] = memory.walk.with_parent[word] = 0;
        memory.walk.taken[word] = memory.components.joined[word] = 0;
    }
}

// Keeps the edges above the component cut, their best ones and the numbers of parents; makes every
// node a component. Returns the number of all edges.
template <class CFG>
std::int32_t load_edges(int n_nodes, bool fits, std::int32_t component_cut,
                        edge_stream<CFG>& edges, walk_memory<CFG>& walk,
                        component_memory<CFG>& components, std::int32_t& n_kept) {
    delayed_writes<node_index<CFG>, leader<CFG>> best_in;
    delayed_writes<node_index<CFG>, parents_of<CFG>> parents;
    delayed_writes<node_index<CFG>, std::uint64_t> with_parent;
    std::uint64_t with_child = 0;
    ap_int<CFG::SCORE_BITS> best_out = 0;
    node_index<CFG> current = 0, next = 0;
    edge_index<CFG> first = 0;
    std::int32_t n_edges = 0;
    n_kept = 0;
LOAD:
    for (std::int32_t e = 0; e < INT32_MAX; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        if (e < n_nodes) {
            components.parent[e] = e;
        }
        const scored_edge<CFG> edge = edges.read();
        if (edge.last) {
            break;
        }
        ++n_edges;
        if (fits && n_edges <= CFG::MAX_EDGES && edge.score > component_cut) {
            const bool is_new = n_kept == 0 || edge.src != current;
            if (n_kept == 0 || word_of(edge.src) != word_of(current)) {
                with_child = 0;
            }
            current = edge.src;
            with_child |= bit_of(edge.src);
            walk.with_child[word_of(edge.src)] = with_child;
            first = is_new ? edge_index<CFG>(n_kept) : first;
            if (is_new || edge.score > best_out) {
                best_out = edge.score;
                next = edge.dst;
            }
            walk.next[edge.src] = next;
            walk.row[edge.src] = {first, n_kept + 1};
            walk.edges[n_kept++] = {edge.dst, edge.score, false, false, false};

            const int home = word_of(edge.dst);
            const std::uint64_t met = with_parent.read(walk.with_parent, home);
            const bool is_met = (met & bit_of(edge.dst)) != 0;
            with_parent.step(walk.with_parent, true, home, met | bit_of(edge.dst));
            const leader<CFG> rival = best_in.read(walk.best, edge.dst);
            const bool better = !is_met || edge.score > rival.value;
            best_in.step(walk.best, better, edge.dst, {edge.src, edge.score});
            const parents_of<CFG> before = parents.read(walk.parents, edge.dst);
            const int n_parents = is_met ? int(before.unseen) + 1 : 1;
            parents.step(walk.parents, true, edge.dst, {n_parents, 0, !is_met});
        }
    }
    with_parent.drain(walk.with_parent);
    best_in.drain(walk.best);
    parents.drain(walk.parents);
FILL:
    for (int n = n_edges + 1; n < n_nodes; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        components.parent[n] = n;
    }
    return n_edges;
}

// Puts the nodes with edges out but none in into the queue; returns their number.
template <class CFG>
int find_heads(int n_nodes, walk_memory<CFG>& walk) {
    bit_scan bits(words_of(n_nodes));
    int n_heads = 0;
HEADS:
    for (std::int32_t step = 0; step < INT32_MAX && !bits.ended(); ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const int at = bits.wanted();
        const bool is_there = at != bit_scan::NO_WORD;
        if (bits.next(is_there ? walk.with_child[at] & ~walk.with_parent[at] : 0)) {
            walk.queue[n_heads++] = {bits.position, true};
            walk.parents[bits.position] = {0, 0, false};
            walk.best[bits.position] = {CFG::MAX_NODES, 0};
        }
    }
    return n_heads;
}

template <class CFG>
struct queued_row {
    edge_index<CFG> first, last;
    node_index<CFG> node, best_child;
    bool chain;
};

// Goes through the edges in topological order of their sources, drops those that neither stay nor
// can be in a simple component, and puts the sources of the others into `order`.
template <class CFG>
void thin_edges(int n_nodes, const dwalk_settings& set, walk_memory<CFG>& walk,
                link_stream<CFG>& links, int& n_ordered, std::int32_t& n_seen) {
    // Steps from an edge to its child in the queue: two reads, a comparison, a write.
    constexpr int PUSH = after_reads(2) + 2;
    delayed_writes<node_index<CFG>, parents_of<CFG>> parents;
    row_scan<queued_row<CFG>, edge_index<CFG>, after_reads(2)> rows;
    delay_line<bool, PUSH> pushes;
    int n_queued = find_heads<CFG>(n_nodes, walk);
    int head = 0, n_visible = n_queued, n_idle = 0;
    edge_index<CFG> kept = 0;
    n_ordered = n_seen = 0;
KAHN:
    for (std::int32_t step = 0; step < INT32_MAX && n_idle <= PUSH; ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        // A node is read more than PUSH steps after its write, a row before it. Edges are written
        // where they were read, or at one read before; a best edge after all reads of it.
        FPGA_GNN_HLS(dependence variable = walk.queue inter false)
        FPGA_GNN_HLS(dependence variable = walk.row inter false)
        FPGA_GNN_HLS(dependence variable = walk.edges inter false)
        FPGA_GNN_HLS(dependence variable = walk.best inter false)
        queued_row<CFG> row = {};
        const bool reads = head != n_visible && rows.wants_row();
        if (reads) {
            const marked_node<CFG> queued = walk.queue[head++];
            const edge_row<CFG> range = walk.row[queued.node];
            row = {range.first, range.last, queued.node, walk.next[queued.node],
                   queued.mark && range.first + 1 == range.last};
        }
        rows.give(reads, row);
        bool pushed = false;
        if (rows.next()) {
            const node_index<CFG> src = rows.row.node;
            walk_edge<CFG> edge = walk.edges[rows.item];
            const parents_of<CFG> before = parents.read(walk.parents, edge.dst);
            const bool is_best = rows.row.best_child == edge.dst && walk.best[edge.dst].node == src;
            edge.stays = edge.score > set.add_cut || (is_best && edge.score >= set.min_cut);
            edge.chain = rows.row.chain && before.one;
            edge.ends = (walk.with_child[word_of(edge.dst)] & bit_of(edge.dst)) == 0;
            parents.step(walk.parents, true, edge.dst,
                         {before.unseen - 1, before.left + edge.stays, before.one});
            ++n_seen;
            if (rows.is_first) {
                kept = rows.row.first;
            }
            if (edge.stays || edge.chain) {
                if (kept == rows.row.first) {
                    walk.order[n_ordered++] = src;
                }
                walk.edges[kept++] = edge;
            }
            if (rows.is_last) {
                walk.row[src] = {rows.row.first, kept};
            }
            if (edge.stays) {
                links.write({src, edge.dst, before.left == 0, false});
            }
            if (before.unseen == 1) {
                walk.best[edge.dst] = {CFG::MAX_NODES, 0};
                walk.path[edge.dst] = {0, 1, false, false};
                pushed = !edge.ends;
            }
            if (pushed) {
                walk.queue[n_queued++] = {edge.dst, edge.chain};
            }
            n_idle = 0;
        } else {
            n_idle = rows.is_through() && head == n_visible ? n_idle + 1 : 0;
        }
        n_visible += pushes.shift(pushed);
    }
    parents.drain(walk.parents);
    links.write({0, 0, false, true});
}

// Grows trees of the edges that stay and joins those that an edge connects.
template <class CFG>
void join_components(link_stream<CFG>& links, component_memory<CFG>& components) {
    component_link<CFG> link = {0, 0, false, false};
LINKS:
    for (std::int32_t join = 0; join < INT32_MAX && !link.last; ++join) {
        delayed_writes<node_index<CFG>, node_index<CFG>> firsts;
    GROW:
        for (std::int32_t step = 0; step < INT32_MAX; ++step) {
            FPGA_GNN_HLS(pipeline II = 1)
            FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
            link = links.read();
            if (!link.grows) {
                break;
            }
            const node_index<CFG> first = firsts.read(components.parent, link.parent);
            firsts.step(components.parent, true, link.child, first);
        }
        firsts.drain(components.parent);
        if (!link.last) {
            const node_index<CFG> one = find_root<CFG>(components.parent, link.parent);
            const node_index<CFG> two = find_root<CFG>(components.parent, link.child);
            const node_index<CFG> low = one < two ? one : two, high = one < two ? two : one;
            if (low != high) {
                components.parent[high] = low;
                components.joined[word_of(high)] |= bit_of(high);
            }
        }
    }
}

// Lets all roots of a component lead to its lowest: node n is in that of parent[parent[n]].
template <class CFG>
void resolve_components(int n_nodes, component_memory<CFG>& components) {
    bit_scan bits(words_of(n_nodes));
    delayed_writes<node_index<CFG>, node_index<CFG>> roots;
RESOLVE:
    for (std::int32_t step = 0; step < INT32_MAX && !bits.ended(); ++step) {
        FPGA_GNN_HLS(pipeline II = 2)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const int at = bits.wanted();
        if (bits.next(at != bit_scan::NO_WORD ? components.joined[at] : 0)) {
            const node_index<CFG> below = components.parent[bits.position];
            const node_index<CFG> root = roots.read(components.parent, below);
            roots.step(components.parent, true, bits.position, root);
        }
    }
    roots.drain(components.parent);
}

template <class CFG>
void thin_graph(int n_nodes, const dwalk_settings& set, walk_memory<CFG>& walk,
                component_memory<CFG>& components, int& n_ordered, std::int32_t& n_seen) {
    FPGA_GNN_HLS(dataflow)
    link_stream<CFG> links;
    FPGA_GNN_HLS(stream variable = links depth = 64)
    thin_edges<CFG>(n_nodes, set, walk, links, n_ordered, n_seen);
    join_components<CFG>(links, components);
}

template <class CFG>
struct ordered_row {
    edge_index<CFG> first, last;
    node_index<CFG> node;
};

template <class CFG>
struct ordered_edge {
    ordered_row<CFG> row;
    walk_edge<CFG> edge;
    bool is_first, is_last;  // of the row
};

// Finds the best path from every node with edges left, and the best of every component; adds up the
// hits of long simple components. The nodes order[begin .. end) shrink to those with edges left.
// Returns how many edges are left in components that are not simple.
template <class CFG>
std::int32_t find_paths(int& begin, int end, const dwalk_settings& set, walk_memory<CFG>& walk,
                        const component_memory<CFG>& components, int& n_simple_hits) {
    // From a child's path to its parent's: a read, a sum, a comparison, a write.
    delayed_writes<node_index<CFG>, best_path<CFG>, after_reads(1) + 3> paths;
    delayed_writes<node_index<CFG>, leader<CFG>> leaders;
    row_scan<ordered_row<CFG>, edge_index<CFG>, after_reads(2)> rows;
    read_ahead<ordered_edge<CFG>, after_reads(1)> edges;
    std::int32_t n_left = 0;
    int at = end, n_kept = end;
    best_path<CFG> best = {0, 1, false, false};
    node_index<CFG> next = 0;
    edge_index<CFG> kept = 0;
BACKWARD:
    for (std::int32_t step = 0;
         step < INT32_MAX && (at != begin || !rows.is_through() || !edges.empty()); ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        // Edges, rows and nodes are written where they were read, or at one read before.
        FPGA_GNN_HLS(dependence variable = walk.edges inter false)
        FPGA_GNN_HLS(dependence variable = walk.row inter false)
        FPGA_GNN_HLS(dependence variable = walk.order inter false)
        ordered_row<CFG> row = {};
        const bool reads_row = at != begin && rows.wants_row();
        if (reads_row) {
            const node_index<CFG> node = walk.order[--at];
            const edge_row<CFG> range = walk.row[node];
            row = {range.first, range.last, node};
        }
        rows.give(reads_row, row);
        ordered_edge<CFG> given = {};
        const bool reads_edge = edges.has_room() && rows.next();
        if (reads_edge) {
            given = {rows.row, walk.edges[rows.item], rows.is_first, rows.is_last};
        }
        edges.step(reads_edge, given);
        if (!edges.ready() || paths.is_waiting(edges.front().edge.dst)) {
            paths.step(walk.path, false, 0, best);
            continue;
        }
        const ordered_edge<CFG> taken = edges.take();
        const walk_edge<CFG> edge = taken.edge;
        const node_index<CFG> node = taken.row.node;
        if (taken.is_first) {
            best = {0, 1, false, false};
            kept = taken.row.first;
        }
        const best_path<CFG> child = walk.path[edge.dst];
        const bool is_simple = edge.chain && (edge.ends || child.simple);
        if (!child.used && (edge.stays || is_simple)) {
            const int length = set.by_length ? 1 : int(edge.score);
            const path_weight<CFG> weight = child.weight + path_weight<CFG>(length);
            if (kept == taken.row.first || weight > best.weight) {
                best = {weight, child.n_nodes + 1, is_simple, false};
                next = edge.dst;
            }
            walk.edges[kept++] = edge;
            n_left += !is_simple;
        }
        paths.step(walk.path, taken.is_last, node, best);
        if (taken.is_last) {
            walk.row[node] = {taken.row.first, kept};
            walk.next[node] = next;
            const bool is_left = kept != taken.row.first;
            if (is_left) {
                walk.order[--n_kept] = node;
            }
            const parents_of<CFG> parents = walk.parents[node];
            const node_index<CFG> component = components.parent[components.parent[node]];
            const leader<CFG> rival = leaders.read(walk.best, component);
            const bool leads = rival.node == CFG::MAX_NODES || best.weight > rival.value ||
                               (best.weight == rival.value && node < rival.node);
            const bool may_lead = is_left && !best.simple && parents.left == 0;
            leaders.step(walk.best, may_lead && leads, component, {node, best.weight});
            if (best.simple && !parents.one && best.n_nodes >= set.min_hits) {
                n_simple_hits += best.n_nodes;
            }
        }
    }
    paths.drain(walk.path);
    leaders.drain(walk.best);
    begin = n_kept;
    return n_left;
}

template <class CFG>
struct walked_row {
    edge_index<CFG> first, last;
    node_index<CFG> node, next, component;
    bool leads;
};

// Where the next hits go: those of simple components lie before those of paths.
struct hit_places {
    int simple, path;
};

// Takes the best path of every component out of the graph. The nodes order[begin .. end) shrink to
// those that are not on one.
template <class CFG>
void take_paths(int begin, int& end, std::int32_t min_hits, walk_memory<CFG>& walk,
                const component_memory<CFG>& components, hit_places& places) {
    delayed_writes<node_index<CFG>, best_path<CFG>> paths;
    delayed_writes<node_index<CFG>, parents_of<CFG>> parents;
    row_scan<walked_row<CFG>, edge_index<CFG>, after_reads(4)> rows;
    int at = begin, n_kept = begin;
    best_path<CFG> path = {0, 0, false, false};
FORWARD:
    for (std::int32_t step = 0; step < INT32_MAX && (at != end || !rows.is_through()); ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_EDGES)
        // Nodes are written where they were read, or at one read before. The path that leads a
        // component is written over by its own node; for the others it is not theirs either way.
        FPGA_GNN_HLS(dependence variable = walk.order inter false)
        FPGA_GNN_HLS(dependence variable = walk.best inter false)
        walked_row<CFG> row = {};
        const bool reads = at != end && rows.wants_row();
        if (reads) {
            const node_index<CFG> node = walk.order[at++];
            const edge_row<CFG> range = walk.row[node];
            const node_index<CFG> component = components.parent[components.parent[node]];
            row = {range.first, range.last, node, walk.next[node], component,
                   walk.best[component].node == node};
        }
        rows.give(reads, row);
        if (!rows.next()) {
            continue;
        }
        const node_index<CFG> node = rows.row.node;
        if (rows.is_first) {
            path = paths.read(walk.path, node);
            if (!path.used && (path.simple || rows.row.leads)) {
                int& place = path.simple ? places.simple : places.path;
                const int n_nodes = path.n_nodes;
                const bool is_long = n_nodes >= min_hits;
                path.used = true;
                path.n_nodes = is_long ? place : CFG::MAX_NODES;
                if (is_long) {
                    walk.queue[place] = {node, true};
                    place += n_nodes;
                }
                if (rows.row.leads) {
                    walk.best[rows.row.component] = {CFG::MAX_NODES, 0};
                }
            }
            if (!path.used) {
                walk.order[n_kept++] = node;
            }
        }
        const node_index<CFG> child = walk.edges[rows.item].dst;
        const parents_of<CFG> before = parents.read(walk.parents, child);
        parents.step(walk.parents, path.used, child, {0, before.left - 1, before.one});
        const bool follows = path.used && child == rows.row.next;
        const bool is_hit = path.n_nodes != CFG::MAX_NODES;
        const node_index<CFG> place = is_hit ? int(path.n_nodes) + 1 : CFG::MAX_NODES;
        paths.step(walk.path, follows, child, {0, place, path.simple, true});
        if (follows && is_hit) {
            walk.queue[place] = {child, false};
        }
    }
    paths.drain(walk.path);
    parents.drain(walk.parents);
    end = n_kept;
}

// Writes the hits, and with `alone` a track of every node that is none.
template <class CFG>
void send_tracks(int n_nodes, int n_hits, bool alone, walk_memory<CFG>& walk,
                 track_stream<CFG>& tracks) {
    delayed_writes<node_index<CFG>, std::uint64_t> taken;
SEND:
    for (int place = 0; place < n_hits; ++place) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const marked_node<CFG> hit = walk.queue[place];
        tracks.write({hit.node, hit.mark, false});
        const int home = word_of(hit.node);
        const std::uint64_t others = taken.read(walk.taken, home);
        taken.step(walk.taken, true, home, others | bit_of(hit.node));
    }
    taken.drain(walk.taken);
    bit_scan bits(alone ? words_of(n_nodes) : 0);
ALONE:
    for (std::int32_t step = 0; step < INT32_MAX && !bits.ended(); ++step) {
        FPGA_GNN_HLS(pipeline II = 1)
        FPGA_GNN_HLS(loop_tripcount max = CFG::MAX_NODES)
        const int at = bits.wanted();
        if (bits.next(at != bit_scan::NO_WORD ? ~walk.taken[at] : 0) && bits.position < n_nodes) {
            tracks.write({bits.position, true, false});
        }
    }
}

template <class CFG>
track_status walk_graph(std::int32_t n_nodes, const dwalk_settings& set, edge_stream<CFG>& edges,
                        dwalk_memory<CFG>& memory, track_stream<CFG>& tracks) {
    track_status status = {0, 0, 0, 0, 0, 0, {0, 0}};
    walk_memory<CFG>& walk = memory.walk;
    component_memory<CFG>& components = memory.components;
    const bool fits = n_nodes <= CFG::MAX_NODES;
    const int n_used = fits ? n_nodes : 0;
    clear_words<CFG>(n_used, memory);
    std::int32_t n_kept, n_seen;
    const std::int32_t n_edges =
        load_edges<CFG>(n_used, fits, set.component_cut, edges, walk, components, n_kept);
    status.errors = (fits ? 0 : OVERFLOW_NODES) | (n_edges > CFG::MAX_EDGES ? OVERFLOW_EDGES : 0);
    if (status.errors != 0) {
        return status;
    }
    int begin = 0, end;
    thin_graph<CFG>(n_nodes, set, walk, components, end, n_seen);
    if (n_seen != n_kept) {
        status.errors = EDGES_WITH_CYCLE;
        return status;
    }
    resolve_components<CFG>(n_nodes, components);
    hit_places places = {0, 0};
PASSES:
    for (int pass = 0; pass <= CFG::MAX_PASSES; ++pass) {
        const std::int32_t n_left =
            find_paths<CFG>(begin, end, set, walk, components, places.path);
        if (begin == end) {
            break;
        }
        if (pass == CFG::MAX_PASSES) {
            status.errors = OVERFLOW_PASSES;
            status.n_unfinished = n_left;
            break;
        }
        take_paths<CFG>(begin, end, set.min_hits, walk, components, places);
        status.n_passes += n_left != 0;
        status.n_visits += n_left;
    }
    send_tracks<CFG>(n_nodes, places.path, status.errors == 0 && set.min_hits <= 1, walk, tracks);
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

// Track finder: hits to tracks in one dataflow, for an event whose graph fits one partition.
// Reference: fpga_gnn/flows/backends.py
// Law:   the edges of module_map.hpp, scored by the classifier NET as the partition that holds the
//        whole graph (unused slots zero, unused edges at the last node, as
//        fpga_gnn/graphs/partition.py packs it), then the tracks of track_builder.hpp.
// Needs: what those kernels need, and MAX_EDGES of TRACKS not below that of PART. A graph with more
//        nodes or edges than PART has slots for is read to its end, and the status names what did
//        not fit: its tracks are not to be used.
// Cost:  one event after the other: the cycles of module_map.hpp, then 2 MAX_NODES + MAX_EDGES per
//        iteration of the classifier, then those of track_builder.hpp. FIFOs: `ends` holds
//        MAX_EDGES + 1 edges, which wait for their scores.
#pragma once

#include <cstdint>

#include "fpga_gnn/classifier_rows.hpp"
#include "fpga_gnn/hit_lists.hpp"
#include "fpga_gnn/macros.hpp"
#include "fpga_gnn/module_map.hpp"
#include "fpga_gnn/scored_edges.hpp"
#include "fpga_gnn/track_builder.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

// Beside the errors of hit_lists.hpp: what did not fit the partition, and a map that overflowed.
constexpr std::int32_t OVERFLOW_PARTITION_NODES = 16;
constexpr std::int32_t OVERFLOW_PARTITION_EDGES = 32;
constexpr std::int32_t MAP_FAILED = 64;

using error_stream = hls::stream<std::int32_t>;

template <class MAP>
void map_hits(const module_map_size& size, bool physical, const hit_record* hits,
              const std::int32_t* module_start, const doublet_record* doublets,
              const std::int32_t* doublet_start, const triplet_record* triplets,
              const std::int32_t* triplet_start, module_map_memory<MAP>& memory,
              hls::stream<bool>& mapped, graph_nodes& nodes, graph_edges& edges,
              module_map_status* status) {
    module_map_status found;
    const bool fits = find_edges<MAP>(size, physical, hits, module_start, doublets, doublet_start,
                                      triplets, triplet_start, memory, found);
    mapped.write(fits);
    if (fits) {
        std::int64_t node_saturations = 0, edge_saturations = 0;
        emit_graph<MAP>(size, memory, nodes, edges, found.n_edges, node_saturations,
                        edge_saturations);
        found.n_saturated = node_saturations + edge_saturations;
        found.overflow = found.n_edges > MAP::MAX_EDGES ? MAP_OVERFLOW_EDGES : 0;
    } else {
        edges.write({graph_edge_record(), true});
    }
    *status = found;
}

// The graph in the slots of a partition, and the ends of its edges for the track builder.
template <class MAP, class PART, class TRACKS, class NET>
void fill_partition(int n_hits, hls::stream<bool>& mapped, graph_nodes& nodes, graph_edges& edges,
                    hls::stream<typename NET::node_row>& node_rows,
                    hls::stream<typename NET::edge_row>& edge_rows,
                    hls::stream<typename NET::index_row>& index_rows, edge_stream<TRACKS>& ends,
                    error_stream& errors) {
    constexpr int NODE_SLOTS = PART::MAX_NODES, EDGE_SLOTS = PART::MAX_EDGES;
    static_assert(EDGE_SLOTS <= TRACKS::MAX_EDGES, "the track builder takes a full partition");
    const bool is_mapped = mapped.read();
    const int n_nodes = is_mapped ? n_hits : 0;
    const bool nodes_fit = n_nodes < NODE_SLOTS;
FILL_NODES:
    for (int n = 0; n < MAP::MAX_HITS || n < NODE_SLOTS; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        if (n >= n_nodes && n >= NODE_SLOTS) {
            break;
        }
        graph_node_record record = {};
        if (n < n_nodes) {
            record = nodes.read();
        }
        if (n < NODE_SLOTS) {
            node_rows.write(feature_row_of<typename NET::node_row>(record.features, nodes_fit));
        }
    }
    bool ended = false;
    std::int32_t n_edges = 0;
FILL_EDGES:
    for (int e = 0; e <= MAP::MAX_EDGES || e < EDGE_SLOTS; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        if (ended && e >= EDGE_SLOTS) {
            break;
        }
        graph_edge_step step = {graph_edge_record(), true};
        if (!ended) {
            step = edges.read();
            ended = step.end;
            n_edges += !step.end;
        }
        const bool used = !step.end && nodes_fit;
        if (e < EDGE_SLOTS) {
            edge_rows.write(feature_row_of<typename NET::edge_row>(step.edge.features, used));
            typename NET::index_row ends_of_edge;
            ends_of_edge[0] = used ? step.edge.src : NODE_SLOTS - 1;
            ends_of_edge[1] = used ? step.edge.dst : NODE_SLOTS - 1;
            index_rows.write(ends_of_edge);
            if (used) {
                ends.write({step.edge.src, step.edge.dst, 0, false});
            }
        }
    }
    ends.write({0, 0, 0, true});
    errors.write((is_mapped ? 0 : MAP_FAILED) | (nodes_fit ? 0 : OVERFLOW_PARTITION_NODES) |
                 (n_edges > EDGE_SLOTS ? OVERFLOW_PARTITION_EDGES : 0));
}

// Joins the scores of the used slots to their edges.
template <class PART, class TRACKS, class NET>
void join_scores(edge_stream<TRACKS>& ends, hls::stream<typename NET::score_row>& scores,
                 edge_stream<TRACKS>& scored) {
    bool last = false;
JOIN_SCORES:
    for (int e = 0; e < PART::MAX_EDGES; ++e) {
        FPGA_GNN_HLS(pipeline II = 1)
        typename NET::score_row score = scores.read();
        if (!last) {
            scored_edge<TRACKS> edge = ends.read();
            last = edge.last;
            edge.score = ap_int<TRACKS::SCORE_BITS>(score[0].range());
            scored.write(edge);
        }
    }
    if (!last) {
        scored.write(ends.read());
    }
}

inline void join_errors(status_stream& built, error_stream& errors, status_stream& ended) {
    track_status status = built.read();
    status.errors |= errors.read();
    ended.write(status);
}

// `hits_of_tracks` has MAX_NODES words of TRACKS, `track_start` one more.
template <class MAP, class PART, class TRACKS, class NET>
void track_finder(const module_map_size& size, bool physical, std::int32_t cut,
                  std::int32_t min_hits, const hit_record* hits, const std::int32_t* module_start,
                  const doublet_record* doublets, const std::int32_t* doublet_start,
                  const triplet_record* triplets, const std::int32_t* triplet_start,
                  module_map_memory<MAP>& map_memory, track_builder_memory<TRACKS>& track_memory,
                  std::int32_t* track_start, std::int32_t* hits_of_tracks, track_status* status,
                  module_map_status* map_status) {
    FPGA_GNN_HLS(dataflow)
    [[maybe_unused]] constexpr int WAITING = PART::MAX_EDGES + 1;
    hls::stream<bool> mapped("mapped");
    graph_nodes nodes("nodes");
    graph_edges edges("edges");
    hls::stream<typename NET::node_row> node_rows("node_rows");
    hls::stream<typename NET::edge_row> edge_rows("edge_rows");
    hls::stream<typename NET::index_row> index_rows("index_rows");
    FPGA_GNN_HLS(stream variable = edge_rows depth = EDGE_ROWS_AHEAD)
    FPGA_GNN_HLS(stream variable = index_rows depth = EDGE_ROWS_AHEAD)
    hls::stream<typename NET::score_row> scores("scores");
    edge_stream<TRACKS> ends("ends"), scored("scored");
    FPGA_GNN_HLS(stream variable = ends depth = WAITING)
    error_stream errors("errors");
    track_stream<TRACKS> tracks("tracks");
    status_stream built("built"), ended("ended");
    map_hits<MAP>(size, physical, hits, module_start, doublets, doublet_start, triplets,
                  triplet_start, map_memory, mapped, nodes, edges, map_status);
    fill_partition<MAP, PART, TRACKS, NET>(size.hits, mapped, nodes, edges, node_rows, edge_rows,
                                           index_rows, ends, errors);
    NET::score(node_rows, edge_rows, index_rows, scores);
    join_scores<PART, TRACKS, NET>(ends, scores, scored);
    build_tracks<TRACKS>(size.hits, cut, min_hits, scored, track_memory, tracks, built);
    join_errors(built, errors, ended);
    write_tracks<TRACKS>(tracks, ended, track_start, hits_of_tracks, status);
}

}  // namespace fpga_gnn

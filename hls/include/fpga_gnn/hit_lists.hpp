// Track candidates as lists of nodes: what the track-building kernels write.
// Reference: fpga_gnn/reference/hit_lists.py
// Law:   the nodes of track t are hits[track_start[t] .. track_start[t + 1]), tracks in the order
//        of the stream. With an error other than OVERFLOW_PASSES nothing is written but the status;
//        with any error track_start lacks its last entry.
// Needs: every node at most once, so that MAX_NODES words hold the hits, one more the starts.
// Cost:  one cycle per hit.
#pragma once

#include <cstdint>

#include "fpga_gnn/connected_components.hpp"
#include "fpga_gnn/macros.hpp"
#include "hls_stream.h"

namespace fpga_gnn {

// Beside OVERFLOW_NODES and OVERFLOW_EDGES: passes used up, and edges with a cycle.
constexpr std::int32_t OVERFLOW_PASSES = 4;
constexpr std::int32_t EDGES_WITH_CYCLE = 8;

// How a call ended: 256 bits. DWALK counts the passes, the edges that were left before each of them
// (n_visits, added up) and those that were left when they were used up.
struct track_status {
    std::int32_t n_tracks, n_hits, errors, n_passes, n_visits, n_unfinished, unused[2];
};
static_assert(sizeof(track_status) == 32, "packed record");

// A node of a track, the first one marked; `last` ends the stream and carries no node.
template <class CFG>
struct track_node {
    node_index<CFG> node;
    bool first, last;
};

template <class CFG>
using track_stream = hls::stream<track_node<CFG>>;
using status_stream = hls::stream<track_status>;

template <class CFG>
void write_tracks(track_stream<CFG>& tracks, status_stream& ended, std::int32_t* track_start,
                  std::int32_t* hits, track_status* status) {
    std::int32_t n_tracks = 0, n_hits = 0;
WRITE_HITS:
    for (int n = 0; n <= CFG::MAX_NODES; ++n) {
        FPGA_GNN_HLS(pipeline II = 1)
        const track_node<CFG> token = tracks.read();
        if (token.last) {
            break;
        }
        if (token.first) {
            track_start[n_tracks++] = n_hits;
        }
        hits[n_hits++] = token.node;
    }
    track_status end = ended.read();
    end.n_tracks = n_tracks;
    end.n_hits = n_hits;
    if (end.errors == 0) {
        track_start[n_tracks] = n_hits;
    }
    *status = end;
}

}  // namespace fpga_gnn

// C entry to the simulated dataflow of the hls4ml project. fpga_gnn/hw/dataflow.py puts it below the
// project's top, in which it has made each call a process.
#pragma once

#include <cstring>

#include "edge_classifier.h"

namespace {

// Offers `n_rows` rows of integers in LSB at once: the environment never keeps a port waiting.
template <class row_T>
void offer(hls::stream<row_T>& port, const std::int64_t* values, std::size_t n_rows) {
    for (std::size_t r = 0; r < n_rows; ++r) {
        row_T row;
        for (std::size_t h = 0; h < row_T::size; ++h) {
            row[h].range() = *values++;
        }
        port.write(row);
    }
}

}  // namespace

// Runs `n_graphs` graphs back to back and returns 0, with all `scores`, or 1 if the dataflow stands
// still, with what each process waits on in `blocked`, a text of at most `capacity` characters.
extern "C" __attribute__((visibility("default"))) int dataflow_run(
    std::size_t n_graphs, std::size_t n_nodes, std::size_t n_edges,
    const std::int64_t* node_features, const std::int64_t* edge_features,
    const std::int64_t* edge_index, std::size_t pipeline, const std::uint64_t* depths,
    std::int64_t* scores, std::uint64_t* largest, std::uint64_t* steps, char* blocked,
    std::size_t capacity) {
    hls::stream<input_t> nodes("node_features");
    hls::stream<input2_t> edges("edge_features");
    hls::stream<input3_t> index("edge_index");
    hls::stream<result_t> results("score");
    offer(nodes, node_features, n_graphs * n_nodes);
    offer(edges, edge_features, n_graphs * n_edges);
    offer(index, edge_index, n_graphs * n_edges);

    dataflow::network network(n_graphs, pipeline, depths);
    dataflow::current() = &network;
    edge_classifier(nodes, edges, index, results);
    dataflow::current() = nullptr;

    std::copy(network.largest.begin(), network.largest.end(), largest);
    *steps = network.steps;
    std::strncpy(blocked, network.blocked.c_str(), capacity);
    if (!network.blocked.empty()) {
        return 1;
    }
    for (std::size_t slot = 0; slot < n_graphs * n_edges; ++slot) {
        const ap_int<result_t::value_type::width> bits = results.read()[0].range();
        scores[slot] = bits.to_int();
    }
    return 0;
}

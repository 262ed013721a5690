// Self-checking bench of the hls4ml project: exit status 0 only if every golden score is equal.
// fpga_gnn/export/hls4ml_project.py copies it into the project; it needs the files of hls/tb and
// hls/generated beside it. Usage: edge_classifier_test [GOLDEN_FILE].
#include <fstream>
#include <map>

#include "firmware/edge_classifier.h"
#include "golden.hpp"

namespace {

#ifdef RTL_SIM
const char* const RESULTS = "tb_data/rtl_cosim_results.log";
#else
const char* const RESULTS = "tb_data/csim_results.log";
#endif

// Streams `values`, integers in LSB, as rows.
template <class row_T>
void send(hls::stream<row_T>& stream, const golden::column& values) {
    for (std::size_t i = 0; i < values.size(); i += row_T::size) {
        row_T row;
        for (std::size_t h = 0; h < row_T::size; ++h) {
            row[h].range() = values.at(i + h);
        }
        stream.write(row);
    }
}

std::size_t check(golden::file& vectors, const std::string& name) {
    hls::stream<input_t> node_features("node_features");
    hls::stream<input2_t> edge_features("edge_features");
    hls::stream<input3_t> edge_index("edge_index");
    hls::stream<result_t> score("score");
    send(node_features, vectors.read("node_features"));
    send(edge_features, vectors.read("edge_features"));
    const golden::column index = vectors.read("edge_index");
    send(edge_index, index);
    const golden::column expected = vectors.read("score");

    edge_classifier(node_features, edge_features, edge_index, score);

    std::ofstream results(RESULTS, std::ios::app);
    golden::column got;
    for (std::size_t slot = 0; slot < index.size() / input3_t::size; ++slot) {
        const ap_int<result_t::value_type::width> bits = score.read()[0].range();
        results << bits.to_int() << "\n";
        if (slot < expected.size()) {
            got.push_back(bits.to_int());
        }
    }
    return golden::require_equal("edge_classifier", name, "score", expected, got);
}

}  // namespace

int main(int argc, char** argv) {
    std::ofstream(RESULTS, std::ios::trunc);
    char golden_file[] = "tb_data/golden.txt";
    char* arguments[] = {argv[0], argc > 1 ? argv[1] : golden_file};
    return golden::run(2, arguments, "edge_classifier", check);
}

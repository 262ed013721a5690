// Generated from quant_configs/w8.yaml by `fpga-gnn header`; do not edit.
#pragma once

namespace fpga_gnn {

constexpr const char CONTRACT_SHA256[] = "01bb822143c17dfa084826412e53fd43a0c942055c119c561e2d95d4089cfaf9";

struct formats {
    static constexpr int LENGTH_BITS = 18;
    static constexpr int LENGTH_FRAC = 5;
    static constexpr int PHI_BITS = 18;
    static constexpr int PHI_FRAC = 18;
    static constexpr int ETA_BITS = 18;
    static constexpr int ETA_FRAC = 14;
    static constexpr int Z0_BITS = 18;
    static constexpr int Z0_FRAC = 5;
    static constexpr int DPHI_BITS = 18;
    static constexpr int DPHI_FRAC = 18;
    static constexpr int DETA_BITS = 18;
    static constexpr int DETA_FRAC = 14;
    static constexpr int PHI_SLOPE_BITS = 24;
    static constexpr int PHI_SLOPE_FRAC = 12;
    static constexpr int DYDX_BITS = 24;
    static constexpr int DYDX_FRAC = 14;
    static constexpr int DZDR_BITS = 24;
    static constexpr int DZDR_FRAC = 14;
    static constexpr int FEATURE_BITS = 12;
    static constexpr int FEATURE_FRAC = 11;
};

struct features {
    static constexpr int NODE_R_SHIFT = 2;
    static constexpr int NODE_Z_SHIFT = 5;
    static constexpr int NODE_ETA_SHIFT = 6;
    static constexpr int EDGE_DR_SHIFT = 1;
    static constexpr int EDGE_DPHI_SHIFT = 1;
    static constexpr int EDGE_DZ_SHIFT = 4;
    static constexpr int EDGE_DETA_SHIFT = 4;
    static constexpr int EDGE_PHI_SLOPE_SHIFT = 4;
    static constexpr int EDGE_R_PHI_SLOPE_SHIFT = 4;
    static constexpr int EDGE_Z0_SHIFT = 2;
    static constexpr int EDGE_DIRECTION_SHIFT = 7;
};

struct partition_config {
    static constexpr int MAX_NODES = 8192;
    static constexpr int MAX_EDGES = 16384;
    static constexpr int HIDDEN = 32;
    static constexpr int ITERATIONS = 4;
};

struct module_map_config : formats {
    static constexpr int MAX_HITS = 32768;
    static constexpr int MAX_MODULES = 4096;
    static constexpr int MAX_DOUBLETS = 65536;
    static constexpr int MAX_TRIPLETS = 131072;
    static constexpr int MAX_CANDIDATES = 131072;
};

struct connected_components_config {
    static constexpr int MAX_NODES = 32768;
    static constexpr int MAX_EDGES = 65536;
};

}  // namespace fpga_gnn

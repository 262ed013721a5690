// Generated from quant_configs/w8.yaml by `fpga-gnn header`; do not edit.
#pragma once

namespace fpga_gnn {

constexpr const char CONTRACT_SHA256[] = "a3f9543ed2fe63827d00dbf5ac41688f0317d996d0948dba7781f4ec13abee54";

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
    static constexpr int NODE_FEATURES = 3;
    static constexpr int NODE_R = 0;
    static constexpr int NODE_R_SHIFT = 2;
    static constexpr int NODE_PHI = -1;
    static constexpr int NODE_PHI_SHIFT = 0;
    static constexpr int NODE_Z = 1;
    static constexpr int NODE_Z_SHIFT = 5;
    static constexpr int NODE_ETA = 2;
    static constexpr int NODE_ETA_SHIFT = 6;
    static constexpr int EDGE_FEATURES = 8;
    static constexpr int EDGE_DR = 0;
    static constexpr int EDGE_DR_SHIFT = 1;
    static constexpr int EDGE_DPHI = 1;
    static constexpr int EDGE_DPHI_SHIFT = 1;
    static constexpr int EDGE_DZ = 2;
    static constexpr int EDGE_DZ_SHIFT = 4;
    static constexpr int EDGE_DETA = 3;
    static constexpr int EDGE_DETA_SHIFT = 4;
    static constexpr int EDGE_PHI_SLOPE = 4;
    static constexpr int EDGE_PHI_SLOPE_SHIFT = 4;
    static constexpr int EDGE_R_PHI_SLOPE = 5;
    static constexpr int EDGE_R_PHI_SLOPE_SHIFT = 4;
    static constexpr int EDGE_Z0 = 6;
    static constexpr int EDGE_Z0_SHIFT = 2;
    static constexpr int EDGE_DIRECTION = 7;
    static constexpr int EDGE_DIRECTION_SHIFT = 7;
    static constexpr int DIRECTION_FRAC = 17;
};

struct partition_config {
    static constexpr int MAX_NODES = 8192;
    static constexpr int MAX_EDGES = 24576;
    static constexpr int HIDDEN = 32;
    static constexpr int ITERATIONS = 4;
};

struct module_map_config : formats, features {
    static constexpr int LANES = 16;
    static constexpr int MAX_HITS = 131072;
    static constexpr int MAX_MODULES = 4096;
    static constexpr int MAX_DOUBLETS = 32768;
    static constexpr int MAX_MODULE_DOUBLETS = 64;
    static constexpr int MAX_MODULE_TRIPLETS = 512;
    static constexpr int MAX_BLOCKS = 3670016;
    static constexpr int MAX_EDGES = 262144;
};

struct connected_components_config {
    static constexpr int MAX_NODES = 131072;
    static constexpr int MAX_EDGES = 262144;
};

struct track_builder_config {
    static constexpr int MAX_NODES = 131072;
    static constexpr int MAX_EDGES = 262144;
    static constexpr int SCORE_BITS = 12;
};

struct dwalk_config {
    static constexpr int MAX_NODES = 131072;
    static constexpr int MAX_EDGES = 262144;
    static constexpr int MAX_PASSES = 256;
    static constexpr int SCORE_BITS = 32;
};

}  // namespace fpga_gnn

// Features of a node in the classifier's input format.
// Reference: fpga_gnn/graphs/graph.py
// Law:   columns NODE_x of r, phi, z, eta (shifted_feature.sv), in fields of 16 bits, the first one
//        lowest; the other fields are 0.
// Cost:  one cycle, a node per cycle.
module node_features
    import formats::*;
    import features::*;
    import module_map_types::*;
(
    input  logic            clk,
    input  cylinder_t       hit,
    output logic     [63:0] columns,
    output logic     [ 2:0] n_clipped
);
    localparam int KNOWN = 4;
    localparam int COLUMN[KNOWN] = '{NODE_R, NODE_PHI, NODE_Z, NODE_ETA};
    localparam int SHIFT[KNOWN] = '{NODE_R_SHIFT, NODE_PHI_SHIFT, NODE_Z_SHIFT, NODE_ETA_SHIFT};
    localparam int WIDTH[KNOWN] = '{LENGTH_BITS, PHI_BITS, LENGTH_BITS, ETA_BITS};

    // Of each value WIDTH bits, and a contract has some of the features.
    // verilator lint_off UNUSEDSIGNAL
    logic [31:0] values[KNOWN];
    // verilator lint_on UNUSEDSIGNAL
    logic [KNOWN-1:0] clipped;

    assign values = '{32'(hit.r), 32'(hit.phi), 32'(hit.z), 32'(hit.eta)};
    assign n_clipped = 3'($countones(clipped));

    for (genvar k = 0; k < KNOWN; ++k) begin : feature
        if (COLUMN[k] >= 0) begin : used
            logic signed [FEATURE_BITS-1:0] value;

            shifted_feature #(
                .WIDTH(WIDTH[k]),
                .SHIFT(SHIFT[k]),
                .BITS (FEATURE_BITS)
            ) shifted (
                .clk    (clk),
                .value  (values[k][WIDTH[k]-1:0]),
                .feature(value),
                .clipped(clipped[k])
            );
            assign columns[16*COLUMN[k]+:16] = 16'(value);
        end else begin : unused
            assign clipped[k] = 1'b0;
        end
    end

    for (genvar c = NODE_FEATURES; c < 4; ++c) begin : empty
        assign columns[16*c+:16] = '0;
    end
endmodule

// Features of an edge in the classifier's input format.
// Reference: fpga_gnn/graphs/graph.py
// Law:   columns EDGE_x in fields of 16 bits, the first one lowest; the other fields are 0. dr, dphi,
//        dz, deta (shifted_feature.sv); phi_slope = dphi/dr (frac of its window), r_phi_slope =
//        (r1+r2) dphi / (2 dr), z0 = (z1 dr - r1 dz)/dr, direction = dz/(|dr|+|dz|) (frac
//        DIRECTION_FRAC) (ratio_feature.sv).
// Cost:  FEATURE_BITS + 4 cycles, an edge per cycle; a divider per ratio.
module edge_features
    import formats::*;
    import features::*;
    import module_map_types::*;
(
    input  logic              clk,
    input  cylinder_t         one,
    input  cylinder_t         two,
    output logic      [191:0] columns,
    output logic      [  3:0] n_clipped
);
    localparam int D = LENGTH_BITS + 1;
    localparam int RATIO_LATENCY = FEATURE_BITS + 2;

    // Of the first cycle, then of the second.
    logic signed [D-1:0] dr, dz, sum_r, late_dr, late_dz;
    logic signed [PHI_BITS-1:0] dphi, late_dphi;
    logic signed [ETA_BITS:0] deta, late_deta;
    logic signed [LENGTH_BITS-1:0] r, z;
    logic signed [D+PHI_BITS-1:0] arc;
    logic signed [2*D-1:0] z0;
    logic signed [D+1:0] path;

    always_ff @(posedge clk) begin
        dr <= D'(two.r) - D'(one.r);
        dz <= D'(two.z) - D'(one.z);
        sum_r <= D'(one.r) + D'(two.r);
        dphi <= two.phi - one.phi;
        deta <= (ETA_BITS + 1)'(one.eta) - (ETA_BITS + 1)'(two.eta);
        {r, z} <= {one.r, one.z};

        {late_dr, late_dz, late_dphi, late_deta} <= {dr, dz, dphi, deta};
        arc <= (D + PHI_BITS)'(sum_r) * (D + PHI_BITS)'(dphi);
        z0 <= (2 * D)'(z) * (2 * D)'(dr) - (2 * D)'(r) * (2 * D)'(dz);
        path <= (D + 2)'(dr < 0 ? -(D + 1)'(dr) : (D + 1)'(dr))
            + (D + 2)'(dz < 0 ? -(D + 1)'(dz) : (D + 1)'(dz));
    end

    // The first four are differences, the others ratios.
    localparam int KNOWN = 8;
    localparam int DIFFERENCES = 4;
    localparam int COLUMN[KNOWN] = '{
        EDGE_DR, EDGE_DPHI, EDGE_DZ, EDGE_DETA,
        EDGE_PHI_SLOPE, EDGE_R_PHI_SLOPE, EDGE_Z0, EDGE_DIRECTION
    };
    localparam int SHIFT[KNOWN] = '{
        EDGE_DR_SHIFT, EDGE_DPHI_SHIFT, EDGE_DZ_SHIFT, EDGE_DETA_SHIFT,
        EDGE_PHI_SLOPE_SHIFT, EDGE_R_PHI_SLOPE_SHIFT, EDGE_Z0_SHIFT, EDGE_DIRECTION_SHIFT
    };
    localparam int FRAC[KNOWN] = '{0, 0, 0, 0, PHI_SLOPE_FRAC, 0, 0, DIRECTION_FRAC};
    localparam int NUMERATOR_BITS[KNOWN] = '{
        D, PHI_BITS, D, ETA_BITS + 1, PHI_BITS, D + PHI_BITS, 2 * D, D
    };
    localparam int DENOMINATOR_BITS[KNOWN] = '{1, 1, 1, 1, D, D + 1, D, D + 2};

    // As wide as the widest, and a contract has some of the features.
    // verilator lint_off UNUSEDSIGNAL
    logic [63:0] numerators[KNOWN], denominators[KNOWN];
    // verilator lint_on UNUSEDSIGNAL
    logic [KNOWN-1:0] clipped;

    assign numerators = '{
        64'(late_dr), 64'(late_dphi), 64'(late_dz), 64'(late_deta),
        64'(late_dphi), 64'(arc), 64'(z0), 64'(late_dz)
    };
    assign denominators = '{
        64'd1, 64'd1, 64'd1, 64'd1, 64'(late_dr), 64'(late_dr) << 1, 64'(late_dr), 64'(path)
    };
    assign n_clipped = 4'($countones(clipped));

    for (genvar k = 0; k < KNOWN; ++k) begin : feature
        if (COLUMN[k] >= 0) begin : used
            logic signed [FEATURE_BITS-1:0] value;

            if (k < DIFFERENCES) begin : difference
                shifted_feature #(
                    .WIDTH  (NUMERATOR_BITS[k]),
                    .SHIFT  (SHIFT[k]),
                    .BITS   (FEATURE_BITS),
                    .LATENCY(RATIO_LATENCY)
                ) shifted (
                    .clk    (clk),
                    .value  (numerators[k][NUMERATOR_BITS[k]-1:0]),
                    .feature(value),
                    .clipped(clipped[k])
                );
            end else begin : ratio
                ratio_feature #(
                    .NUMERATOR_BITS  (NUMERATOR_BITS[k]),
                    .DENOMINATOR_BITS(DENOMINATOR_BITS[k]),
                    .FRAC            (FRAC[k]),
                    .SHIFT           (SHIFT[k]),
                    .BITS            (FEATURE_BITS)
                ) divided (
                    .clk        (clk),
                    .numerator  (numerators[k][NUMERATOR_BITS[k]-1:0]),
                    .denominator(denominators[k][DENOMINATOR_BITS[k]-1:0]),
                    .feature    (value),
                    .clipped    (clipped[k])
                );
            end
            assign columns[16*COLUMN[k]+:16] = 16'(value);
        end else begin : unused
            assign clipped[k] = 1'b0;
        end
    end

    for (genvar c = EDGE_FEATURES; c < 12; ++c) begin : empty
        assign columns[16*c+:16] = '0;
    end
endmodule

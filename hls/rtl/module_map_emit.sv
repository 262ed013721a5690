// Last phase of the module map: the tagged candidates as edges with their features.
// Reference: fpga_gnn/reference/module_map.py
// Law:   one record {features, dst, src} per candidate, in their order (edge_features.sv), MAX_EDGES at
//        most; `n_saturated` counts what the format clipped in them.
// Needs: as many candidates as `n_edges` says.
// Cost:  an edge per cycle.
module module_map_emit
    import module_map_config::*;
    import features::*;
    import formats::*;
    import module_map_types::*;
(
    input  logic                            clk,
    input  logic                            rst,
    input  logic                            start,
    input  logic [CANDIDATE_COUNT_BITS-1:0] n_edges,
    input  hit_index_t                      candidate_src,
    input  hit_index_t                      candidate_dst,
    input  logic                            candidate_valid,
    output logic                            candidate_ready,
    output hit_index_t                      src_address,
    input  cylinder_t                       src_hit,
    output hit_index_t                      dst_address,
    input  cylinder_t                       dst_hit,
    output logic [                   255:0] edges_data,
    output logic                            edges_valid,
    input  logic                            edges_ready,
    output logic                            edges_last,
    output logic [           EDGE_BITS+3:0] n_saturated
);
    localparam int LATENCY = 2 + FEATURE_BITS + 4;

    logic [CANDIDATE_COUNT_BITS-1:0] n_taken;
    logic room, fits, take, last, made;
    hit_index_t src, dst;
    logic [191:0] columns;
    logic [3:0] n_clipped;

    assign fits = 64'(n_taken) < 64'(MAX_EDGES);
    assign candidate_ready = room || !fits;
    assign take = candidate_valid && candidate_ready;
    assign last = n_taken + 1'b1 == n_edges || 64'(n_taken) + 1'b1 == 64'(MAX_EDGES);
    assign src_address = candidate_src;
    assign dst_address = candidate_dst;

    always_ff @(posedge clk) begin
        if (take) begin
            n_taken <= n_taken + 1'b1;
        end
        if (made) begin
            n_saturated <= n_saturated + (EDGE_BITS + 4)'(n_clipped);
        end
        if (start) begin
            n_taken <= '0;
            n_saturated <= '0;
        end
    end

    edge_features features_of_edge (
        .clk      (clk),
        .one      (src_hit),
        .two      (dst_hit),
        .columns  (columns),
        .n_clipped(n_clipped)
    );

    delay_line #(
        .WIDTH (2 * HIT_BITS),
        .CYCLES(LATENCY)
    ) beside_features (
        .clk    (clk),
        .in_row ({candidate_src, candidate_dst}),
        .out_row({src, dst})
    );

    credit_pipeline #(
        .LATENCY(LATENCY),
        .WIDTH  (256),
        .DEPTH  (LATENCY + 4)
    ) edges (
        .clk         (clk),
        .rst         (rst),
        .in_valid    (candidate_valid && fits),
        .in_ready    (room),
        .in_last     (last),
        .result      ({columns, 32'(dst), 32'(src)}),
        .result_valid(made),
        .result_last (),
        .out_data    (edges_data),
        .out_valid   (edges_valid),
        .out_ready   (edges_ready),
        .out_last    (edges_last)
    );
endmodule

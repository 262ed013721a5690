// The nodes of the module map: all hits with their features.
// Reference: fpga_gnn/graphs/graph.py
// Law:   after `start` one record per hit 0 .. n_hits-1 (node_features.sv); `n_saturated` counts what
//        the format clipped in them.
// Needs: a memory that gives `hit` two cycles after `address`.
// Cost:  a node per cycle.
module module_map_nodes
    import module_map_types::*;
(
    input  logic                clk,
    input  logic                rst,
    input  logic                start,
    input  hit_index_t          n_hits,
    output hit_index_t          address,
    input  cylinder_t           hit,
    output logic       [  63:0] nodes_data,
    output logic                nodes_valid,
    input  logic                nodes_ready,
    output logic                nodes_last,
    output logic [HIT_BITS+2:0] n_saturated
);
    localparam int LATENCY = 3;

    logic sending, room, last, made;
    logic [63:0] columns;
    logic [2:0] n_clipped;

    assign last = address + 1'b1 == n_hits;

    always_ff @(posedge clk) begin
        if (start) begin
            address <= '0;
            sending <= n_hits != 0;
            n_saturated <= '0;
        end else if (sending && room) begin
            address <= address + 1'b1;
            sending <= !last;
        end
        if (made) begin
            n_saturated <= n_saturated + (HIT_BITS + 3)'(n_clipped);
        end
        if (rst) begin
            sending <= 1'b0;
        end
    end

    node_features features_of_node (
        .clk      (clk),
        .hit      (hit),
        .columns  (columns),
        .n_clipped(n_clipped)
    );

    credit_pipeline #(
        .LATENCY(LATENCY),
        .WIDTH  (64),
        .DEPTH  (LATENCY + 4)
    ) nodes (
        .clk         (clk),
        .rst         (rst),
        .in_valid    (sending),
        .in_ready    (room),
        .in_last     (last),
        .result      (columns),
        .result_valid(made),
        .result_last (),
        .out_data    (nodes_data),
        .out_valid   (nodes_valid),
        .out_ready   (nodes_ready),
        .out_last    (nodes_last)
    );
endmodule

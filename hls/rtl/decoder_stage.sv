// Score of every edge: a multilayer perceptron of both ends' states and the edge's own.
// Reference: fpga_gnn/reference/interaction_network.py
// Law:   takes a packet of node rows x, then a packet of edge rows {e, dst, src}; gives a packet of
//        scores, the result of MLP({e, x[dst], x[src]}) in the order of the edges.
// Needs: `mlp_result` belongs to the `mlp_row` of LATENCY cycles before; see edge_gather.sv.
// Cost:  N + E cycles for N nodes and E edges.
module decoder_stage #(
    parameter int MAX_NODES  = 512,
    parameter int X_BITS     = 64,
    parameter int E_BITS     = 64,
    parameter int SCORE_BITS = 12,
    parameter int LATENCY    = 4,
    localparam int NODE_BITS = $clog2(MAX_NODES)
) (
    input  logic                          clk,
    input  logic                          rst,
    input  logic [            X_BITS-1:0] nodes_data,
    input  logic                          nodes_valid,
    output logic                          nodes_ready,
    input  logic                          nodes_last,
    input  logic [E_BITS+2*NODE_BITS-1:0] edges_data,
    input  logic                          edges_valid,
    output logic                          edges_ready,
    input  logic                          edges_last,
    output logic [   E_BITS+2*X_BITS-1:0] mlp_row,
    input  logic [        SCORE_BITS-1:0] mlp_result,
    output logic [        SCORE_BITS-1:0] scores_data,
    output logic                          scores_valid,
    input  logic                          scores_ready,
    output logic                          scores_last,
    output logic [                  31:0] edge_cycles,
    output logic [                  31:0] edge_count
);
    localparam int ROW_LATENCY = 2 + LATENCY;

    logic room, gather;

    edge_gather #(
        .MAX_NODES(MAX_NODES),
        .X_BITS   (X_BITS),
        .E_BITS   (E_BITS)
    ) ends (
        .clk        (clk),
        .rst        (rst),
        .nodes_data (nodes_data),
        .nodes_valid(nodes_valid),
        .nodes_ready(nodes_ready),
        .nodes_last (nodes_last),
        .edges_data (edges_data),
        .edges_valid(edges_valid),
        .edges_ready(edges_ready),
        .edges_last (edges_last),
        .room       (room),
        .gather     (gather),
        .gathered   (mlp_row),
        .held       (1'b0),
        .node       ('0),
        .node_row   (),
        .last_node  (),
        .edge_cycles(edge_cycles),
        .edge_count (edge_count)
    );

    credit_pipeline #(
        .LATENCY(ROW_LATENCY),
        .WIDTH  (SCORE_BITS),
        .DEPTH  (ROW_LATENCY + 4)
    ) scores (
        .clk         (clk),
        .rst         (rst),
        .in_valid    (gather),
        .in_ready    (room),
        .in_last     (edges_last),
        .result      (mlp_result),
        .result_valid(),
        .result_last (),
        .out_data    (scores_data),
        .out_valid   (scores_valid),
        .out_ready   (scores_ready),
        .out_last    (scores_last)
    );
endmodule

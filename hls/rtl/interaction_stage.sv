// One iteration of the interaction network: update of the edges, aggregation, update of the nodes.
// Reference: fpga_gnn/reference/interaction_network.py
// Law:   takes a packet of node rows x, then a packet of edge rows {e, dst, src}; gives a packet of
//        node rows and one of edge rows. e' = EDGE_MLP({e, x[dst], x[src]}); a = requantized joined
//        e' of every node's in-edges and out-edges; x' = NODE_MLP({a_out, a_in, x}).
// Needs: `edge_result` belongs to the `edge_row` of EDGE_LATENCY cycles before, `node_result` to
//        the `node_row` of NODE_LATENCY before. Node indices of rows that came; at least one node
//        and one edge, at most MAX_NODES and MAX_EDGES.
// Cost:  N + E + EDGE_LATENCY + 3 cycles for N nodes and E edges: an edge per cycle, then a node
//        per cycle. Node rows of the next packet replace those that were read; its edges pass while
//        the next stage takes this packet's, up to NODE_LATENCY + 5 later if the slots are full.
//        After a reset MAX_NODES cycles clear the sums.
//        Memories: MAX_NODES rows x, 2 MAX_NODES rows of sums, MAX_EDGES edge rows.
module interaction_stage #(
    parameter int MAX_NODES      = 512,
    parameter int MAX_EDGES      = 1024,
    parameter int X_BITS         = 64,
    parameter int E_BITS         = 64,
    parameter int NEXT_X_BITS    = 64,
    parameter int EDGE_LATENCY   = 4,
    parameter int NODE_LATENCY   = 4,
    // Columns of e', their joined messages and the requantized ones.
    parameter int COLUMNS        = 8,
    parameter int MESSAGE_BITS   = 8,
    parameter bit MESSAGE_SIGNED = 1,
    parameter bit MAXIMUM        = 0,
    parameter int SUM_BITS       = 18,
    parameter int SHIFT          = 2,
    parameter int A_BITS         = 8,
    parameter bit A_SIGNED       = 1,
    parameter bit HALF_EVEN      = 1,
    localparam int NODE_BITS   = $clog2(MAX_NODES),
    localparam int NEXT_E_BITS = COLUMNS * MESSAGE_BITS
) (
    input  logic                               clk,
    input  logic                               rst,
    input  logic [                 X_BITS-1:0] nodes_data,
    input  logic                               nodes_valid,
    output logic                               nodes_ready,
    input  logic                               nodes_last,
    input  logic [     E_BITS+2*NODE_BITS-1:0] edges_data,
    input  logic                               edges_valid,
    output logic                               edges_ready,
    input  logic                               edges_last,
    output logic [        E_BITS+2*X_BITS-1:0] edge_row,
    input  logic [            NEXT_E_BITS-1:0] edge_result,
    output logic [X_BITS+2*COLUMNS*A_BITS-1:0] node_row,
    input  logic [            NEXT_X_BITS-1:0] node_result,
    output logic [            NEXT_X_BITS-1:0] next_nodes_data,
    output logic                               next_nodes_valid,
    input  logic                               next_nodes_ready,
    output logic                               next_nodes_last,
    output logic [NEXT_E_BITS+2*NODE_BITS-1:0] next_edges_data,
    output logic                               next_edges_valid,
    input  logic                               next_edges_ready,
    output logic                               next_edges_last,
    output logic [                       31:0] edge_cycles,
    output logic [                       31:0] edge_count
);
    localparam int EDGE_ROW_LATENCY = 2 + EDGE_LATENCY;
    localparam int NODE_ROW_LATENCY = 3 + NODE_LATENCY;

    logic room, gather;
    logic add, last_add;
    logic [NODE_BITS-1:0] src, dst, node, last_node, gathered_last;
    logic [X_BITS-1:0] x, x_late;
    // The nodes' phase: rows are `held` from the last edge on, read once all edges are `joined`.
    // The first one after a reset is empty (`clearing`).
    logic held, joined, clearing, node_room, take;

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
        .gathered   (edge_row),
        .held       (held),
        .node       (node),
        .node_row   (x),
        .last_node  (gathered_last),
        .edge_cycles(edge_cycles),
        .edge_count (edge_count)
    );

    delay_line #(
        .WIDTH (2 * NODE_BITS),
        .CYCLES(EDGE_ROW_LATENCY)
    ) ends_with_the_result (
        .clk    (clk),
        .in_row (edges_data[0+:2*NODE_BITS]),
        .out_row({dst, src})
    );

    credit_pipeline #(
        .LATENCY(EDGE_ROW_LATENCY),
        .WIDTH  (NEXT_E_BITS + 2 * NODE_BITS),
        .DEPTH  (MAX_EDGES > 4 ? MAX_EDGES : 4)
    ) edges (
        .clk         (clk),
        .rst         (rst),
        .in_valid    (gather),
        .in_ready    (room),
        .in_last     (edges_last),
        .result      ({edge_result, dst, src}),
        .result_valid(add),
        .result_last (last_add),
        .out_data    (next_edges_data),
        .out_valid   (next_edges_valid),
        .out_ready   (next_edges_ready),
        .out_last    (next_edges_last)
    );

    assign take = held && joined && (node_room || clearing);

    always_ff @(posedge clk) begin
        if (gather && edges_last) begin
            held      <= 1'b1;
            joined    <= 1'b0;
            last_node <= gathered_last;
        end
        if (add && last_add) begin
            joined <= 1'b1;
        end
        if (take) begin
            node <= node == last_node ? '0 : node + 1'b1;
            if (node == last_node) begin
                held     <= 1'b0;
                clearing <= 1'b0;
            end
        end
        if (rst) begin
            held      <= 1'b1;
            joined    <= 1'b1;
            clearing  <= 1'b1;
            node      <= '0;
            last_node <= NODE_BITS'(MAX_NODES - 1);
        end
    end

    logic [1:0][COLUMNS*SUM_BITS-1:0] taken;  // in-edges, out-edges
    logic [1:0][COLUMNS*A_BITS-1:0] a;

    for (genvar side = 0; side < 2; ++side) begin : half
        node_sums #(
            .MAX_NODES     (MAX_NODES),
            .COLUMNS       (COLUMNS),
            .MESSAGE_BITS  (MESSAGE_BITS),
            .MESSAGE_SIGNED(MESSAGE_SIGNED),
            .SUM_BITS      (SUM_BITS),
            .MAXIMUM       (MAXIMUM)
        ) sums (
            .clk    (clk),
            .rst    (rst),
            .add    (add),
            .take   (take),
            .node   (take ? node : side == 0 ? dst : src),
            .message(edge_result),
            .taken  (taken[side])
        );
        for (genvar c = 0; c < COLUMNS; ++c) begin : column
            requantize #(
                .IN_BITS   (SUM_BITS),
                .IN_SIGNED (MESSAGE_SIGNED),
                .SHIFT     (SHIFT),
                .OUT_BITS  (A_BITS),
                .OUT_SIGNED(A_SIGNED),
                .HALF_EVEN (HALF_EVEN)
            ) narrow (
                .in_value (taken[side][c*SUM_BITS+:SUM_BITS]),
                .out_value(a[side][c*A_BITS+:A_BITS])
            );
        end
    end

    delay_line #(
        .WIDTH (X_BITS),
        .CYCLES(1)
    ) with_the_sums (
        .clk    (clk),
        .in_row (x),
        .out_row(x_late)
    );

    assign node_row = {a, x_late};

    credit_pipeline #(
        .LATENCY(NODE_ROW_LATENCY),
        .WIDTH  (NEXT_X_BITS),
        .DEPTH  (NODE_ROW_LATENCY + 4)
    ) nodes (
        .clk         (clk),
        .rst         (rst),
        .in_valid    (take && !clearing),
        .in_ready    (node_room),
        .in_last     (node == last_node),
        .result      (node_result),
        .result_valid(),
        .result_last (),
        .out_data    (next_nodes_data),
        .out_valid   (next_nodes_valid),
        .out_ready   (next_nodes_ready),
        .out_last    (next_nodes_last)
    );
endmodule

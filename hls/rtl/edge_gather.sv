// Gather the states of both ends of every edge: x[src], x[dst].
// Reference: fpga_gnn/reference/gather.py
// Law:   takes a packet of node rows, then a packet of edge rows {e, dst, src}. The edge taken in
//        cycle t has its row {e, x[dst], x[src]} at `gathered` in cycle t + 2. While `held`, the
//        rows of the packet before stay from `node` on, and `node_row` is row `node` of two cycles
//        before; what was read is replaced by the next packet.
// Needs: at most MAX_NODES node rows, node indices of rows that came. `held` rises, with `node` 0,
//        in the cycle after the last edge, or never.
// Cost:  N + E cycles for N nodes and E edges. One memory of MAX_NODES rows.
module edge_gather #(
    parameter int MAX_NODES = 512,
    parameter int X_BITS    = 64,
    parameter int E_BITS    = 64,
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
    input  logic                          room,         // behind the gathered rows
    output logic                          gather,
    output logic [   E_BITS+2*X_BITS-1:0] gathered,
    input  logic                          held,
    input  logic [         NODE_BITS-1:0] node,
    output logic [            X_BITS-1:0] node_row,
    output logic [         NODE_BITS-1:0] last_node,    // of the packet whose edges pass
    // Cycles from the first to the last edge of a packet, and edges, since the reset.
    output logic [                  31:0] edge_cycles,
    output logic [                  31:0] edge_count
);
    logic [NODE_BITS-1:0] next_node, src, dst;
    logic loaded, passing, load;
    logic [X_BITS-1:0] x_src, x_dst;
    logic [E_BITS-1:0] e;

    assign {src, dst} = {edges_data[0+:NODE_BITS], edges_data[NODE_BITS+:NODE_BITS]};
    assign nodes_ready = !loaded && (!held || next_node < node);
    assign edges_ready = loaded && !held && room;
    assign load = nodes_valid && nodes_ready;
    assign gather = edges_valid && edges_ready;

    always_ff @(posedge clk) begin
        if (load) begin
            next_node <= nodes_last ? '0 : next_node + 1'b1;
            loaded    <= nodes_last;
            last_node <= next_node;
        end
        if (gather) begin
            loaded <= !edges_last;
            passing <= !edges_last;
        end
        edge_cycles <= edge_cycles + 32'(passing || gather);
        edge_count  <= edge_count + 32'(gather);
        if (rst) begin
            next_node   <= '0;
            loaded      <= 1'b0;
            passing     <= 1'b0;
            edge_cycles <= '0;
            edge_count  <= '0;
        end
    end

    row_memory #(
        .ROWS (MAX_NODES),
        .WIDTH(X_BITS)
    ) x (
        .clk      (clk),
        .a_write  (load),
        .a_address(loaded ? src : next_node),
        .a_row    (nodes_data),
        .a_read   (x_src),
        .b_address(held ? node : dst),
        .b_read   (x_dst)
    );

    delay_line #(
        .WIDTH (E_BITS),
        .CYCLES(2)
    ) beside (
        .clk    (clk),
        .in_row (edges_data[2*NODE_BITS+:E_BITS]),
        .out_row(e)
    );

    assign node_row = x_dst;
    assign gathered = {e, x_dst, x_src};
endmodule

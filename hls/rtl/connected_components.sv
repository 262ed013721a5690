// Connected components: each node's label is the smallest node its kept edges lead to.
// Reference: fpga_gnn/reference/connected_components.py
// Law:   a forest of parents, parent(n) <= n. An edge is a pair of nodes, upper > lower, to unite:
//        the upper one's parent becomes the lower node if that is less than its parent, and if
//        the upper one was no root, its old parent and the lower node are the next pair. The upper
//        node falls with every step. One ascending pass then gives each node its parent's label.
//        Rows: edges {blank, keep, dst, src}, labels {blank, label}. A blank row carries nothing;
//        labels end with one, edges may. With more nodes or edges than capacity no label is written
//        and `errors` says why until the next packet: bit 0 nodes, bit 1 edges.
// Needs: MAX_NODES >= 2; 0 <= src, dst < n_nodes; n_nodes stable from a packet's first edge to its last label.
// Cost:  N nodes, E edges: UNITE a cycle per step and per edge without a step, RESOLVE N. Three pairs
//        go round, one in each cycle of a memory read, so no step waits for another. After a reset
//        MAX_NODES cycles; RESOLVE leaves the forest as it was then.
module connected_components #(
    parameter int MAX_NODES = 4096,
    parameter int MAX_EDGES = 8192,
    localparam int NODE_BITS = $clog2(MAX_NODES)
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic [31:0]            n_nodes,
    input  logic [2*NODE_BITS+1:0] edges_data,
    input  logic                   edges_valid,
    output logic                   edges_ready,
    input  logic                   edges_last,
    output logic [NODE_BITS:0]     labels_data,
    output logic                   labels_valid,
    input  logic                   labels_ready,
    output logic                   labels_last,
    output logic [1:0]             errors
);
    localparam int EDGE_COUNT_BITS = $clog2(MAX_EDGES + 1);
    localparam int QUEUE = 16;
    localparam int FILL_BITS = $clog2(QUEUE + 2);
    localparam int STAGES = 5;  // of RESOLVE

    typedef logic [NODE_BITS-1:0] node_t;
    typedef enum logic [2:0] {INIT, IDLE, UNITE, RESOLVE, FINISH} phase_t;
    typedef struct packed {
        logic  blank;
        logic  keep;
        node_t dst;
        node_t src;
    } edge_t;
    typedef struct packed {
        logic  busy;
        node_t upper;
        node_t lower;
    } pair_t;
    typedef struct packed {
        logic  valid;
        node_t node;
        node_t parent;
    } resolved_t;

    function automatic pair_t pair_of(input node_t one, input node_t two);
        return one > two ? {1'b1, one, two} : {one != two, two, one};
    endfunction

    phase_t phase;
    logic [31:0] node;  // next one of INIT and RESOLVE
    logic [EDGE_COUNT_BITS-1:0] n_edges;
    logic no_more;  // the packet's last edge is in
    logic fits;
    assign fits = n_nodes <= 32'(MAX_NODES);

    // Whether the next edge is taken depends on a long path: it ends in this buffer.
    edge_t edge_in;
    logic edge_valid, edge_ready, edge_last;
    skid_buffer #(.WIDTH(2 * NODE_BITS + 2)) edge_buffer (
        .clk, .rst,
        .in_data(edges_data), .in_valid(edges_valid), .in_ready(edges_ready), .in_last(edges_last),
        .out_data(edge_in), .out_valid(edge_valid), .out_ready(edge_ready), .out_last(edge_last)
    );

    // UNITE: a pair waits for its upper node's parent, which decides about the next pair.
    pair_t issued, reading, read, following;
    node_t stored, parent;
    logic write;
    node_t read_address, write_address, write_data;
    /* verilator lint_off PINCONNECTEMPTY */
    row_memory #(.ROWS(MAX_NODES), .WIDTH(NODE_BITS)) parents (
        .clk, .a_write(write), .a_address(write_address), .a_row(write_data), .a_read(),
        .b_address(read_address), .b_read(stored)
    );
    /* verilator lint_on PINCONNECTEMPTY */
    write_forward #(.WIDTH(NODE_BITS), .ADDRESS_BITS(NODE_BITS)) parent_forward (
        .clk, .write, .write_address, .write_data, .address(read.upper), .stored, .value(parent)
    );

    // RESOLVE: parents are read in the first two stages, and put back; then the parents' labels.
    resolved_t resolved[1:STAGES-1];
    logic room, resolve, empty;
    node_t label, stored_label, earlier_label;
    /* verilator lint_off PINCONNECTEMPTY */
    row_memory #(.ROWS(MAX_NODES), .WIDTH(NODE_BITS)) labels (
        .clk, .a_write(resolved[4].valid), .a_address(resolved[4].node), .a_row(label), .a_read(),
        .b_address(stored), .b_read(stored_label)
    );
    /* verilator lint_on PINCONNECTEMPTY */
    write_forward #(.WIDTH(NODE_BITS), .ADDRESS_BITS(NODE_BITS)) label_forward (
        .clk, .write(resolved[4].valid), .write_address(resolved[4].node), .write_data(label),
        .address(resolved[4].parent), .stored(stored_label), .value(earlier_label)
    );
    assign label = resolved[4].parent == resolved[4].node ? resolved[4].node : earlier_label;

    logic emit, label_ready;
    logic [FILL_BITS-1:0] queued;
    stream_fifo #(.WIDTH(NODE_BITS + 1), .DEPTH(QUEUE)) label_queue (
        .clk, .rst,
        .in_data(phase == FINISH ? {1'b1, node_t'(0)} : {1'b0, label}),
        .in_valid(emit || phase == FINISH), .in_ready(label_ready), .in_last(phase == FINISH),
        .out_data(labels_data), .out_valid(labels_valid), .out_ready(labels_ready),
        .out_last(labels_last), .fill(queued)
    );
    assign emit = resolved[4].valid && errors == 0;
    assign room = queued <= FILL_BITS'(QUEUE - STAGES);  // for all that are in the stages
    assign resolve = phase == RESOLVE && node != n_nodes && room;
    assign read_address = phase == RESOLVE ? node_t'(node) : issued.upper;

    always_comb begin
        write = 1'b0;
        write_address = read.upper;
        write_data = read.lower;
        following = '0;
        case (phase)
            INIT: begin
                write = 1'b1;
                write_address = node_t'(node);
                write_data = node_t'(node);
            end
            UNITE: begin
                write = read.busy && read.lower < parent;
                if (read.busy && parent != read.upper) begin
                    following = pair_of(parent, read.lower);
                end
            end
            RESOLVE: begin
                write = resolved[2].valid;
                write_address = resolved[2].node;
                write_data = resolved[2].node;
            end
            default: ;
        endcase
        edge_ready = phase == UNITE && !following.busy && !no_more;
        if (edge_ready && edge_valid && edge_in.keep && !edge_in.blank && fits) begin
            following = pair_of(edge_in.src, edge_in.dst);
        end
    end

    always_ff @(posedge clk) begin
        issued  <= following;
        reading <= issued;
        read    <= reading;
        resolved[1] <= {resolve, node_t'(node), node_t'(0)};
        resolved[2] <= resolved[1];
        resolved[3] <= {resolved[2].valid, resolved[2].node, stored};
        resolved[4] <= resolved[3];
        if (rst) begin
            issued      <= '0;
            reading     <= '0;
            read        <= '0;
            resolved[1] <= '0;
            resolved[2] <= '0;
            resolved[3] <= '0;
            resolved[4] <= '0;
        end
        assert (rst || !emit || label_ready);
    end

    always_comb begin
        empty = !(issued.busy || reading.busy || read.busy);
        for (int stage = 1; stage < STAGES; ++stage) begin
            empty = empty && !resolved[stage].valid;
        end
    end

    always_ff @(posedge clk) begin
        case (phase)
            INIT: begin
                node <= node + 1;
                if (node == 32'(MAX_NODES - 1)) begin
                    phase <= IDLE;
                end
            end
            IDLE: begin
                node <= '0;
                n_edges <= '0;
                no_more <= 1'b0;
                if (edge_valid) begin
                    phase  <= UNITE;
                    errors <= {1'b0, !fits};
                end
            end
            UNITE: begin
                if (edge_ready && edge_valid) begin
                    no_more <= edge_last;
                    if (n_edges == EDGE_COUNT_BITS'(MAX_EDGES)) begin
                        errors[1] <= errors[1] || !edge_in.blank;
                    end else begin
                        n_edges <= n_edges + EDGE_COUNT_BITS'(!edge_in.blank);
                    end
                end
                if (no_more && empty) begin
                    phase <= fits ? RESOLVE : FINISH;
                end
            end
            RESOLVE: begin
                node <= node + 32'(resolve);
                if (node == n_nodes && empty) begin
                    phase <= FINISH;
                end
            end
            FINISH: begin
                if (label_ready) begin
                    phase <= IDLE;
                end
            end
            default: phase <= IDLE;
        endcase
        if (rst) begin
            phase  <= INIT;
            node   <= '0;
            errors <= '0;
        end
    end
endmodule

// Track builder: score cut, junction removal, chains of the edges that are left as hit lists.
// Reference: fpga_gnn/reference/track_builder.py
// Law:   Of the edges with score > cut, the best out of (into) a node has the highest score, of
//        equal ones the first. An edge stays if it is the best out of src and the best into dst;
//        one from a node to itself may be best, but joins nothing. What is left are paths and
//        rings. Tracks are those of at least min_hits nodes: paths by ascending first node, from
//        it along the edges, then rings by ascending smallest node, from it along the edges.
//        Rows: edges {blank, score, dst, src}, tracks {blank, first, node}. A blank row carries
//        nothing; tracks end with one, edges may. With more nodes or edges than capacity no track
//        is written. `errors` (bit 0 nodes, bit 1 edges), `n_tracks` and `n_hits` hold until the
//        next packet.
// Needs: MAX_NODES >= 2; edges strictly ascending by (src, dst), 0 <= src, dst < n_nodes,
//        1 <= min_hits; n_nodes, cut and min_hits stable from a packet's first edge to the
//        end of its tracks.
// Cost:  N nodes, E edges, C chains: EDGES E, LINK N, FOLLOW 2 (nodes of chains) + C, at least N, and
//        N more if there are rings. After a reset MAX_NODES cycles; FOLLOW leaves the tables as they
//        were then.
module track_builder #(
    parameter int MAX_NODES = 4096,
    parameter int MAX_EDGES = 8192,
    parameter int SCORE_BITS = 12,
    localparam int NODE_BITS = $clog2(MAX_NODES),
    localparam int COUNT_BITS = $clog2(MAX_NODES + 1),
    localparam int LENGTH_BITS = 6
) (
    input  logic                              clk,
    input  logic                              rst,
    input  logic [31:0]                       n_nodes,
    input  logic signed [SCORE_BITS:0]        cut,
    input  logic [LENGTH_BITS-1:0]            min_hits,
    input  logic [2*NODE_BITS+SCORE_BITS:0]   edges_data,
    input  logic                              edges_valid,
    output logic                              edges_ready,
    input  logic                              edges_last,
    output logic [NODE_BITS+1:0]              tracks_data,
    output logic                              tracks_valid,
    input  logic                              tracks_ready,
    output logic                              tracks_last,
    output logic [1:0]                        errors,
    output logic [COUNT_BITS-1:0]             n_tracks,
    output logic [COUNT_BITS-1:0]             n_hits
);
    localparam int EDGE_COUNT_BITS = $clog2(MAX_EDGES + 1);

    typedef logic [NODE_BITS-1:0] node_t;
    typedef logic signed [SCORE_BITS:0] score_t;
    typedef enum logic [2:0] {INIT, IDLE, EDGES, DRAIN, LINK, FOLLOW, FINISH} phase_t;
    typedef struct packed {
        logic                         blank;
        logic signed [SCORE_BITS-1:0] score;
        node_t                        dst;
        node_t                        src;
    } edge_t;
    localparam score_t NO_SCORE = {1'b1, {SCORE_BITS{1'b0}}};  // less than that of any edge

    phase_t phase;
    logic [31:0] node;  // next one of INIT, LINK and, to make the tables as before, FOLLOW
    logic [EDGE_COUNT_BITS-1:0] n_edges;
    logic fits, wipe;
    assign fits = n_nodes <= 32'(MAX_NODES);
    assign wipe = phase == INIT || ((phase == FOLLOW || phase == FINISH) && fits && node != n_nodes);

    // Source and score of the best edge into a node, and where the best edge out of a node leads;
    // without such an edge NO_SCORE and the node itself.
    logic in_write, out_write;
    node_t in_address, in_read_address, in_new, in_a, in_b, out_address, out_new, out_a, out_b;
    score_t in_new_score, in_b_score;
    /* verilator lint_off PINCONNECTEMPTY */
    row_memory #(.ROWS(MAX_NODES), .WIDTH(SCORE_BITS + 1)) in_scores (
        .clk, .a_write(in_write), .a_address(in_address), .a_row(in_new_score), .a_read(),
        .b_address(in_read_address), .b_read(in_b_score)
    );
    /* verilator lint_on PINCONNECTEMPTY */
    row_memory #(.ROWS(MAX_NODES), .WIDTH(NODE_BITS)) in_sources (
        .clk, .a_write(in_write), .a_address(in_address), .a_row(in_new), .a_read(in_a),
        .b_address(in_read_address), .b_read(in_b)
    );
    row_memory #(.ROWS(MAX_NODES), .WIDTH(NODE_BITS)) out_targets (
        .clk, .a_write(out_write), .a_address(out_address), .a_row(out_new), .a_read(out_a),
        .b_address(node_t'(node)), .b_read(out_b)
    );

    // EDGES: the best edge into dst comes two cycles later; the best one out of src is in registers.
    edge_t edge_in, edge_read[3];
    logic [2:0] kept;
    logic best_out, best_in;
    node_t current;
    score_t best_score, score, in_score, earlier_score;
    assign edge_in = edges_data;
    assign score = score_t'(edge_read[0].score);
    assign best_out = kept[0] && (edge_read[0].src != current || score > best_score);
    assign in_score = score_t'(edge_read[2].score);
    assign best_in = kept[2] && in_score > earlier_score;
    assign edges_ready = phase == EDGES;
    write_forward #(.WIDTH(SCORE_BITS + 1), .ADDRESS_BITS(NODE_BITS)) in_forward (
        .clk, .write(in_write), .write_address(in_address), .write_data(in_new_score),
        .address(edge_read[2].dst), .stored(in_b_score), .value(earlier_score)
    );

    always_ff @(posedge clk) begin
        edge_read[0] <= edge_in;
        edge_read[1] <= edge_read[0];
        edge_read[2] <= edge_read[1];
        kept <= {
            kept[1:0],
            edges_valid && edges_ready && fits && !edge_in.blank && score_t'(edge_in.score) > cut
        };
        if (best_out) begin
            current    <= edge_read[0].src;
            best_score <= score;
        end
        if (phase == IDLE) begin
            current    <= '0;
            best_score <= NO_SCORE;
        end
        if (rst) begin
            kept <= '0;
        end
    end

    // LINK: node n's best edges are read at the B ports, then what lies at their other ends at the
    // A ports. A node without a best edge out leads to itself, as the last one of a chain does.
    typedef struct packed {
        logic  valid;
        node_t node;
        node_t to;
        node_t from;
    } link_t;
    link_t link[1:4];
    logic leads, follows, linking, linked;
    assign linking = phase == LINK && node != n_nodes;
    assign leads = in_a == link[4].node;
    assign follows = link[4].from != link[4].node && out_a == link[4].node;
    assign linked = !(link[1].valid || link[2].valid || link[3].valid || link[4].valid);

    always_ff @(posedge clk) begin
        link[1] <= {linking, node_t'(node), node_t'(0), node_t'(0)};
        link[2] <= link[1];
        link[3] <= {link[2].valid, link[2].node, out_b, in_b};
        link[4] <= link[3];
        if (rst) begin
            link[1] <= '0;
            link[2] <= '0;
            link[3] <= '0;
            link[4] <= '0;
        end
    end

    always_comb begin
        in_write = wipe || best_in;
        in_address = edge_read[2].dst;
        in_new = edge_read[2].src;
        in_new_score = in_score;
        in_read_address = phase == LINK ? node_t'(node) : edge_read[0].dst;
        out_write = wipe || best_out;
        out_address = edge_read[0].src;
        out_new = edge_read[0].dst;
        if (phase == LINK) begin
            in_address = out_b;
            out_address = in_b;
        end else if (wipe) begin
            in_address = node_t'(node);
            in_new = node_t'(node);
            in_new_score = NO_SCORE;
            out_address = node_t'(node);
            out_new = node_t'(node);
        end
    end

    logic followed, row_valid;
    logic [NODE_BITS:0] track_node;
    chain_follower #(.MAX_NODES(MAX_NODES)) follower (
        .clk, .rst, .n_nodes, .min_hits,
        .link_valid(link[4].valid), .link_node(link[4].node), .link_follows(follows),
        .link_next(leads ? link[4].to : link[4].node),
        .follow(phase == FOLLOW), .followed, .row(track_node), .row_valid, .row_ready(tracks_ready)
    );
    assign tracks_valid = row_valid || (phase == FINISH && !wipe);
    assign tracks_last = !row_valid;
    assign tracks_data = row_valid ? {1'b0, track_node} : {2'b10, node_t'(0)};

    always_ff @(posedge clk) begin
        if (row_valid && tracks_ready) begin
            n_hits   <= n_hits + 1'b1;
            n_tracks <= n_tracks + COUNT_BITS'(track_node[NODE_BITS]);
        end
        if (wipe || linking) begin
            node <= node + 1;
        end
        case (phase)
            INIT: begin
                if (node == 32'(MAX_NODES - 1)) begin
                    phase <= IDLE;
                end
            end
            IDLE: begin
                node    <= '0;
                n_edges <= '0;
                if (edges_valid) begin
                    phase    <= EDGES;
                    errors   <= {1'b0, !fits};
                    n_hits   <= '0;
                    n_tracks <= '0;
                end
            end
            EDGES: begin
                if (edges_valid) begin
                    if (n_edges == EDGE_COUNT_BITS'(MAX_EDGES)) begin
                        errors[1] <= errors[1] || !edge_in.blank;
                    end else begin
                        n_edges <= n_edges + EDGE_COUNT_BITS'(!edge_in.blank);
                    end
                    if (edges_last) begin
                        phase <= DRAIN;
                    end
                end
            end
            DRAIN: begin
                if (kept == 0) begin
                    phase <= errors == 0 ? LINK : FINISH;
                end
            end
            LINK: begin
                if (node == n_nodes && linked) begin
                    phase <= FOLLOW;
                    node  <= '0;
                end
            end
            FOLLOW: begin
                if (followed) begin
                    phase <= FINISH;
                end
            end
            FINISH: begin
                if (tracks_valid && tracks_last && tracks_ready) begin
                    phase <= IDLE;
                end
            end
            default: phase <= INIT;
        endcase
        if (rst) begin
            phase  <= INIT;
            node   <= '0;
            errors <= '0;
        end
    end
endmodule

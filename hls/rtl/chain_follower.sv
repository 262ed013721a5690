// Follows the chains of a graph, each node of which leads to one node at most: paths, then rings.
// Law:   `link` rows say for node 0, 1, .. n_nodes - 1 whether it follows another one and which node
//        comes next, at a chain's end itself. While `follow` holds, the nodes of all chains of at
//        least min_hits nodes come out, {first of its chain, node}: paths by ascending first node,
//        then rings by ascending smallest node, which is their first. `followed` says that all
//        chains have been walked. A node alone is a chain only if min_hits is 1.
// Needs: MAX_NODES >= 2; 1 <= min_hits. No `link` row while `follow` holds; between two graphs it
//        falls for a cycle after the last row has been taken.
// Cost:  two cycles per node and one per chain, three per 64 nodes without one; n_nodes more if there
//        are rings. MAX_NODES ($clog2(MAX_NODES) + 2) bits of memory, and a chain's first 64 nodes.
module chain_follower #(
    parameter int MAX_NODES = 4096,
    localparam int NODE_BITS = $clog2(MAX_NODES),
    localparam int LENGTH_BITS = 6
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic [31:0]            n_nodes,
    input  logic [LENGTH_BITS-1:0] min_hits,
    input  logic                   link_valid,
    input  logic [NODE_BITS-1:0]   link_node,
    input  logic                   link_follows,
    input  logic [NODE_BITS-1:0]   link_next,
    input  logic                   follow,
    output logic                   followed,
    output logic [NODE_BITS:0]     row,
    output logic                   row_valid,
    input  logic                   row_ready
);
    localparam int WORD = 64;  // nodes for which one read says which of them begin a path
    localparam int BIT_BITS = $clog2(WORD);
    localparam int WORDS = MAX_NODES > WORD ? (MAX_NODES + WORD - 1) / WORD : 2;
    localparam int WORD_BITS = $clog2(WORDS);
    localparam int HELD = 1 << LENGTH_BITS;
    localparam int COUNT_BITS = $clog2(MAX_NODES + 1);

    typedef logic [NODE_BITS-1:0] node_t;
    typedef enum logic [2:0] {READ, WAIT, TAKE, PICK, SCAN, HALT} finder_t;
    typedef enum logic [1:0] {REST, VISIT, HOP} walker_t;

    logic on_chain;
    logic [COUNT_BITS-1:0] n_waiting;  // nodes on chains that are not walked yet
    assign on_chain = link_follows || link_next != link_node || min_hits <= 1;

    walker_t walker;
    logic visit;
    node_t visiting, hop_address, hop_read;
    /* verilator lint_off PINCONNECTEMPTY */
    row_memory #(.ROWS(MAX_NODES), .WIDTH(NODE_BITS)) next_nodes (
        .clk, .a_write(link_valid), .a_address(link_node), .a_row(link_next), .a_read(),
        .b_address(hop_address), .b_read(hop_read)
    );
    node_t scan;
    logic done_read;
    row_memory #(.ROWS(MAX_NODES), .WIDTH(1)) done (  // nodes not on a chain, or walked
        .clk, .a_write(link_valid || visit), .a_address(link_valid ? link_node : visiting),
        .a_row(visit || !on_chain), .a_read(), .b_address(scan), .b_read(done_read)
    );
    logic [WORD-1:0] firsts, firsts_before, word_read;
    logic [WORD_BITS-1:0] word;
    logic [BIT_BITS-1:0] link_bit;
    assign link_bit = BIT_BITS'(link_node);
    row_memory #(.ROWS(WORDS), .WIDTH(WORD)) first_words (
        .clk, .a_write(link_valid), .a_address(WORD_BITS'(link_node / WORD)), .a_row(firsts),
        .a_read(), .b_address(word), .b_read(word_read)
    );
    /* verilator lint_on PINCONNECTEMPTY */
    always_comb begin
        firsts = link_bit == 0 ? '0 : firsts_before;
        firsts[link_bit] = on_chain && !link_follows;
    end

    // Finds the first nodes of paths, word by word, then those of rings, node by node.
    finder_t finder;
    logic [WORD-1:0] starts, other_starts;
    logic [BIT_BITS-1:0] lowest;
    logic start_valid, take;
    node_t start_found;
    logic [2:1] scanned;
    node_t scanned_node[1:2];
    lowest_bit #(.BITS(WORD)) lowest_start (.bits(starts), .index(lowest), .rest(other_starts));

    always_ff @(posedge clk) begin
        if (take) begin
            start_valid <= 1'b0;
        end
        scanned <= {scanned[1], finder == SCAN};
        scanned_node[1] <= scan;
        scanned_node[2] <= scanned_node[1];
        case (finder)
            READ: finder <= WAIT;
            WAIT: finder <= TAKE;
            TAKE: begin
                starts <= word_read;
                finder <= PICK;
            end
            PICK: begin
                if (starts == 0) begin
                    word   <= word + 1'b1;
                    finder <= 32'(word) == (n_nodes - 1) / WORD ? HALT : READ;
                end else if (!start_valid || take) begin
                    start_found <= NODE_BITS'({word, lowest});
                    start_valid <= 1'b1;
                    starts      <= other_starts;
                end
            end
            SCAN: begin
                scan <= scan + 1'b1;
                if (scanned[2] && !done_read) begin
                    start_found <= scanned_node[2];
                    start_valid <= 1'b1;
                    scan        <= scanned_node[2];
                    finder      <= HALT;
                end
            end
            default: begin  // HALT: what waits when no walk is on its way is a ring
                if (walker == REST && !start_valid && n_waiting != 0) begin
                    finder <= SCAN;
                end
            end
        endcase
        if (!follow) begin
            finder      <= READ;
            word        <= '0;
            scan        <= '0;
            scanned     <= '0;
            start_valid <= 1'b0;
        end
    end

    // Walks a chain: visits a node when it comes out of the memory, which is in every other cycle.
    // Nodes are held until their chain is known to be long enough. They are numbered as they are
    // visited, modulo 2 HELD: sent <= kept <= visits. A chain that ends too early is taken back.
    logic starting, ends, full, long_enough;
    node_t start, visited;
    logic [LENGTH_BITS-1:0] length;  // of the chain before this node, or the largest value
    logic [LENGTH_BITS:0] sent, kept, visits;
    logic [NODE_BITS:0] held[HELD];

    assign visiting = starting ? start : hop_read;
    assign ends = walker == VISIT && !starting && (visiting == visited || visiting == start);
    assign full = visits - sent == (LENGTH_BITS + 1)'(HELD);
    assign visit = walker == VISIT && !ends && !full;
    assign hop_address = visit ? visiting : visited;
    assign long_enough = length >= min_hits - 1'b1;
    assign take = start_valid && (walker == REST || ends);
    assign followed = n_waiting == 0;
    assign row = held[sent[LENGTH_BITS-1:0]];
    assign row_valid = sent != kept;

    always_ff @(posedge clk) begin
        if (visit) begin
            held[visits[LENGTH_BITS-1:0]] <= {starting, visiting};
        end
    end

    always_ff @(posedge clk) begin
        if (visit) begin
            visited  <= visiting;
            starting <= 1'b0;
            length   <= length == '1 ? length : length + 1'b1;
            visits   <= visits + 1'b1;
            kept     <= long_enough ? visits + 1'b1 : kept;
            walker   <= HOP;
        end
        if (walker == HOP) begin
            walker <= VISIT;
        end
        if (ends) begin
            visits <= kept;
            walker <= REST;
        end
        if (take) begin
            start    <= start_found;
            starting <= 1'b1;
            length   <= '0;
            walker   <= VISIT;
        end
        sent <= sent + (LENGTH_BITS + 1)'(row_valid && row_ready);
        if (rst) begin
            sent   <= '0;
            kept   <= '0;
            visits <= '0;
            walker <= REST;
        end
    end

    always_ff @(posedge clk) begin
        if (link_valid) begin
            firsts_before <= firsts;
        end
        n_waiting <= n_waiting + COUNT_BITS'(link_valid && on_chain) - COUNT_BITS'(visit);
        if (rst) begin
            n_waiting <= '0;
        end
    end
endmodule

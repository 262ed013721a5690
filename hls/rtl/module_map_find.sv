// Second phase of the module map: every hit against LANES hits of a target module per cycle.
// Reference: fpga_gnn/reference/module_map.py
// Law:   for module, hit h1 of it, doublet d of it, block of hits of target(d): the word of those h2
//        for which (h1, h2) passes d's windows (doublet_test.sv), in this order, into the bitmap
//        `accepted`; the bitmap `tagged` is cleared; bit d of `leaving` of h1 says that there are any.
// Needs: tables of module_map_index.sv, `leaving` cleared, one doublet record per doublet.
// Cost:  at most W + Z + D + 5 M cycles for W words, Z pairs (h1, d) whose target has no hits, D
//        doublets, M modules.
module module_map_find
    import module_map_config::*;
    import module_map_types::*;
(
    input  logic                                      clk,
    input  logic                                      rst,
    input  logic                                      start,
    output logic                                      done,
    input  module_index_t                             n_modules,
    input  module_range_t                             module_data,
    input  logic                                      module_valid,
    output logic                                      module_ready,
    input  logic            [$bits(doublet_windows_t)-1:0] doublets_data,
    input  logic                                      doublets_valid,
    output logic                                      doublets_ready,
    output doublet_index_t                            doublet_address,
    input  hit_index_t                                target_first_hit,
    input  hit_index_t                                target_last_hit,
    output hit_index_t                                hit_address,
    input  cylinder_t                                 hit,
    output block_index_t                              block_address,
    input  cylinder_t       [             LANES-1:0]  block,
    output logic                                      row_write,
    output bitmap_address_t                           row_address,
    output bitmap_row_t                               row,
    output logic                                      leaving_write,
    output hit_index_t                                leaving_address,
    output slot_mask_t                                leaving,
    output logic            [CANDIDATE_COUNT_BITS-1:0] n_candidates
);
    typedef enum logic [2:0] {IDLE, OPEN, LOAD, LIST, SETTLE} state_t;

    // A hit, the windows of a doublet and the hits of its target.
    typedef struct packed {
        hit_index_t src, last_hit, first_hit;
        slot_t slot;
        cylinder_t hit;
        doublet_windows_t windows;
    } pair_range_t;

    localparam int TEST_LATENCY = 5;

    state_t state;
    module_index_t n_opened;
    module_range_t open;
    slot_t slot, n_slots;
    hit_index_t src;
    logic last_slot;

    // Windows of the module's doublets, then every hit with every doublet.
    logic list_room, list_busy;
    doublet_windows_t windows;
    hit_index_t late_src;
    slot_t late_slot;
    pair_range_t listed, pairs;
    logic pairs_valid, pairs_ready;

    assign n_slots = SLOT_BITS'(open.last_doublet - open.first_doublet);
    assign last_slot = slot + 1'b1 == n_slots;
    assign module_ready = state == OPEN;
    assign doublets_ready = state == LOAD;
    assign doublet_address = open.first_doublet + DOUBLET_BITS'(slot);
    assign hit_address = src;

    row_memory #(
        .ROWS (SLOT_ROWS),
        .WIDTH($bits(doublet_windows_t))
    ) module_windows (
        .clk      (clk),
        .a_write  (doublets_valid && doublets_ready),
        .a_address($clog2(SLOT_ROWS)'(slot)),
        .a_row    (doublets_data),
        .a_read   (),
        .b_address($clog2(SLOT_ROWS)'(slot)),
        .b_read   (windows)
    );

    delay_line #(
        .WIDTH (HIT_BITS + SLOT_BITS),
        .CYCLES(2)
    ) beside_doublet (
        .clk    (clk),
        .in_row ({src, slot}),
        .out_row({late_src, late_slot})
    );

    assign listed = '{
        src: late_src,
        first_hit: target_first_hit,
        last_hit: target_last_hit,
        slot: late_slot,
        hit: hit,
        windows: windows
    };

    sieve_pipeline #(
        .LATENCY(2),
        .WIDTH  ($bits(pair_range_t))
    ) list (
        .clk      (clk),
        .rst      (rst),
        .in_valid (state == LIST),
        .in_ready (list_room),
        .result   (listed),
        .keep     (target_first_hit != target_last_hit),
        .out_data (pairs),
        .out_valid(pairs_valid),
        .out_ready(pairs_ready),
        .busy     (list_busy)
    );

    // The blocks of the target, one per cycle; what follows never waits.
    block_index_t offset;
    lane_mask_t on_target, late_on_target, passes;
    logic [TEST_LATENCY+1:0] testing;
    cylinder_t late_hit;
    doublet_windows_t late_windows;

    assign block_address = block_of(pairs.first_hit) + offset;
    assign pairs_ready = block_address == block_of(pairs.last_hit - 1'b1);

    for (genvar lane = 0; lane < LANES; ++lane) begin : target
        assign on_target[lane] = is_in(
            32'(block_address) * LANES + lane, 32'(pairs.first_hit), 32'(pairs.last_hit));
    end

    delay_line #(
        .WIDTH ($bits(cylinder_t) + $bits(doublet_windows_t)),
        .CYCLES(2)
    ) beside_block (
        .clk    (clk),
        .in_row ({pairs.hit, pairs.windows}),
        .out_row({late_hit, late_windows})
    );

    for (genvar lane = 0; lane < LANES; ++lane) begin : test
        doublet_test pair (
            .clk    (clk),
            .one    (late_hit),
            .two    (block[lane]),
            .windows(late_windows),
            .passes (passes[lane])
        );
    end

    // The words, assembled to rows.
    hit_index_t word_src, mask_src;
    slot_t word_slot;
    lane_mask_t word;
    word_index_t n_words;
    bitmap_row_t begun;
    slot_mask_t mask;

    delay_line #(
        .WIDTH (LANES + HIT_BITS + SLOT_BITS),
        .CYCLES(TEST_LATENCY + 2)
    ) beside_tests (
        .clk    (clk),
        .in_row ({on_target, pairs.src, pairs.slot}),
        .out_row({late_on_target, word_src, word_slot})
    );

    assign word = passes & late_on_target;
    assign row_write = testing[TEST_LATENCY+1];
    assign row_address = row_of(n_words);
    assign row = begun | bitmap_row_t'(word) << place_of(n_words);
    assign leaving_write = row_write && word != 0;
    assign leaving_address = word_src;
    assign leaving = (word_src == mask_src ? mask : '0) | slot_mask_t'(1) << word_slot;

    always_ff @(posedge clk) begin
        done <= 1'b0;
        testing <= {testing[TEST_LATENCY:0], pairs_valid};
        if (pairs_valid) begin
            offset <= pairs_ready ? '0 : offset + 1'b1;
        end
        if (row_write) begin
            n_words <= n_words + 1'b1;
            begun <= row_of(n_words + 1'b1) == row_address ? row : '0;
            n_candidates <= n_candidates + CANDIDATE_COUNT_BITS'($countones(word));
        end
        if (leaving_write) begin
            mask <= leaving;
            mask_src <= word_src;
        end
        unique case (state)
            IDLE:
            if (start) begin
                state <= OPEN;
                n_opened <= '0;
                n_words <= '0;
                n_candidates <= '0;
                begun <= '0;
                mask <= '0;
            end
            OPEN:
            if (n_opened == n_modules) begin
                state <= SETTLE;
            end else if (module_valid) begin
                n_opened <= n_opened + 1'b1;
                open <= module_data;
                src <= module_data.first_hit;
                slot <= '0;
                if (module_data.first_doublet != module_data.last_doublet) begin
                    state <= LOAD;
                end
            end
            LOAD:
            if (doublets_valid) begin
                slot <= last_slot ? '0 : slot + 1'b1;
                if (last_slot) begin
                    state <= open.first_hit == open.last_hit ? OPEN : LIST;
                end
            end
            LIST:
            if (list_room) begin
                slot <= last_slot ? '0 : slot + 1'b1;
                if (last_slot) begin
                    src <= src + 1'b1;
                    if (src + 1'b1 == open.last_hit) begin
                        state <= OPEN;
                    end
                end
            end
            SETTLE:
            if (!list_busy && testing == 0) begin
                state <= IDLE;
                done <= 1'b1;
            end
            default: state <= IDLE;
        endcase
        if (rst) begin
            state <= IDLE;
            testing <= '0;
            offset <= '0;
        end
    end
endmodule

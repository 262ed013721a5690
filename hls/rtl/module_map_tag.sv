// Third phase of the module map: each candidate as the first pair of every triplet of its doublet.
// Reference: fpga_gnn/reference/module_map.py
// Law:   for candidate e1 = (h1, h2, d), triplet t of d, candidate e2 = (h2, h3, outer(t)): both are
//        tagged if (h1, h2) passes t's inner windows (doublet_test.sv) and (h1, h2, h3) its outer ones
//        (outer_test.sv). `n_edges` counts the tagged ones.
// Needs: tables and bitmaps of the phases before, one triplet record per triplet.
// Cost:  T triplets and about 40 cycles for each module that has triplets and hits, as modules are
//        taken one after the other; per module max(C, K, S, R, V, 6 G) and what the stages wait for
//        each other: C candidates of a doublet with triplets, K blocks of TRIPLET_LANES triplets of
//        those whose h2 has a candidate, S survivors of the inner windows whose h2 has a candidate of
//        outer(t), R rows of their words, V of the words with a candidate, G words with a tag.
module module_map_tag
    import module_map_config::*;
    import module_map_types::*;
(
    input  logic                               clk,
    input  logic                               rst,
    input  logic                               start,
    output logic                               done,
    input  logic                               physical,
    input  module_index_t                      n_modules,
    input  triplet_slot_t                      n_triplets,
    input  logic                               module_valid,
    output logic                               module_ready,
    input  triplet_record_t                    triplets_data,
    input  logic                               triplets_valid,
    output logic                               triplets_ready,
    // The module whose candidates are read, and these.
    output logic                               source_valid,
    input  logic                               source_ready,
    input  candidate_t                         candidate_data,
    input  logic                               candidate_valid,
    output logic                               candidate_ready,
    input  logic                               reader_busy,
    // Tables.
    output hit_index_t                         src_address,
    input  hit_t                               src_hit,
    output hit_index_t                         dst_address,
    input  hit_t                               dst_hit,
    input  slot_mask_t                         dst_leaving,
    output module_index_t                      middle_address,
    input  module_row_t                        middle,
    output doublet_index_t                     outer_address,
    input  hit_index_t                         outer_first_hit,
    input  hit_index_t                         outer_last_hit,
    input  word_index_t                        outer_word_offset,
    output block_index_t                       block_address,
    input  hit_t           [        LANES-1:0] block,
    output bitmap_address_t                    accepted_address,
    input  bitmap_row_t                        accepted,
    output bitmap_address_t                    tags_address,
    input  bitmap_row_t                        old_tags,
    output logic                               tags_write,
    output bitmap_row_t                        new_tags,
    output logic    [CANDIDATE_COUNT_BITS-1:0] n_edges
);
    // A first pair and the place of its candidate; `next_word`: of what leaves h2.
    typedef struct packed {
        hit_t one, two;
        word_index_t word;
        lane_index_t lane;
    } first_pair_t;

    typedef struct packed {
        first_pair_t pair;
        word_index_t next_word;
    } middle_pair_t;

    // A pair, its triplets, and the doublets that leave h2, of which the first is `first_doublet`.
    typedef struct packed {
        middle_pair_t middle;
        triplet_slot_t last_triplet, first_triplet;
        doublet_index_t first_doublet;
        slot_mask_t leaving;
    } inner_t;

    typedef struct packed {
        middle_pair_t middle;
        triplet_slot_t slot;  // of lane 0
        logic [TRIPLET_LANES-1:0] lanes;
        doublet_index_t [TRIPLET_LANES-1:0] outer_doublet;
    } group_t;

    // The words of h2 and an outer doublet; `shift` is block minus word.
    typedef struct packed {
        first_pair_t pair;
        triplet_slot_t slot;
        block_index_t shift;
    } outer_pair_t;

    typedef struct packed {
        word_index_t last_word, first_word;
        outer_pair_t outer;
    } outer_words_t;

    typedef struct packed {
        word_index_t inner_word, outer_word;
        lane_index_t inner_lane;
        lane_mask_t outer_lanes;
    } tag_t;

    localparam int TEST_LATENCY = 5;
    localparam int DEPTH = 32;

    // Modules, one after the other: the triplets, then the candidates.
    typedef enum logic [2:0] {IDLE, OPEN, LOAD, SEND, SETTLE} state_t;

    state_t state;
    module_index_t n_opened;
    triplet_slot_t slot;
    logic load, last_slot, busy;
    logic inner_busy, groups_busy, outer_busy, rows_busy, tags_busy, tagging;

    assign last_slot = slot + 1'b1 == n_triplets;
    assign triplets_ready = state == LOAD;
    assign load = triplets_valid && triplets_ready;
    assign source_valid = state == SEND;
    assign module_ready = (state == OPEN && n_triplets == 0) || (state == SEND && source_ready);
    assign busy = reader_busy || inner_busy || groups_busy || outer_busy || rows_busy || tags_busy
        || tagging;

    always_ff @(posedge clk) begin
        done <= 1'b0;
        unique case (state)
            IDLE:
            if (start) begin
                state <= OPEN;
                n_opened <= '0;
                slot <= '0;
            end
            OPEN:
            if (n_opened == n_modules) begin
                state <= SETTLE;
            end else if (module_valid) begin
                if (n_triplets == 0) begin
                    n_opened <= n_opened + 1'b1;
                end else if (!busy) begin
                    state <= LOAD;
                end
            end
            LOAD:
            if (load) begin
                slot <= last_slot ? '0 : slot + 1'b1;
                if (last_slot) begin
                    state <= SEND;
                end
            end
            SEND:
            if (source_ready) begin
                n_opened <= n_opened + 1'b1;
                state <= OPEN;
            end
            SETTLE:
            if (!busy) begin
                state <= IDLE;
                done <= 1'b1;
            end
            default: state <= IDLE;
        endcase
        if (rst) begin
            state <= IDLE;
        end
    end

    // Candidates: both hits, and where the words of h2 are.
    localparam int LIST_LATENCY = 4;

    word_index_t listed_word;
    lane_index_t listed_lane;
    triplet_slot_t listed_first, listed_last;
    hit_index_t middle_position;
    word_index_t middle_word, middle_hit_words, product;
    doublet_index_t first_doublet;
    slot_mask_t leaving;
    hit_t one, two;
    inner_t found_inner, inner;
    logic inner_valid, inner_ready;

    assign src_address = candidate_data.src;
    assign dst_address = candidate_data.dst;
    assign middle_address = candidate_data.target;

    delay_line #(
        .WIDTH (WORD_BITS + LANE_BITS + 2 * TRIPLET_BITS),
        .CYCLES(LIST_LATENCY)
    ) beside_tables (
        .clk    (clk),
        .in_row ({
            candidate_data.word,
            candidate_data.lane,
            candidate_data.first_triplet,
            candidate_data.last_triplet
        }),
        .out_row({listed_word, listed_lane, listed_first, listed_last})
    );

    hit_index_t late_dst;

    delay_line #(
        .WIDTH (HIT_BITS),
        .CYCLES(2)
    ) beside_middle (
        .clk    (clk),
        .in_row (candidate_data.dst),
        .out_row(late_dst)
    );

    delay_line #(
        .WIDTH (2 * $bits(hit_t) + DOUBLET_BITS + MAX_MODULE_DOUBLETS),
        .CYCLES(LIST_LATENCY - 2)
    ) beside_product (
        .clk    (clk),
        .in_row ({src_hit, dst_hit, middle.range.first_doublet, dst_leaving}),
        .out_row({one, two, first_doublet, leaving})
    );

    always_ff @(posedge clk) begin
        middle_position <= late_dst - middle.range.first_hit;
        middle_hit_words <= middle.words.hit_words;
        middle_word <= middle.words.word;
        product <= WORD_BITS'(middle_position) * middle_hit_words + middle_word;
    end

    assign found_inner = '{
        middle: '{
            pair: '{one: one, two: two, word: listed_word, lane: listed_lane},
            next_word: product
        },
        first_triplet: listed_first,
        last_triplet: listed_last,
        first_doublet: first_doublet,
        leaving: leaving
    };

    sieve_pipeline #(
        .LATENCY(LIST_LATENCY),
        .WIDTH  ($bits(inner_t))
    ) list (
        .clk      (clk),
        .rst      (rst),
        .in_valid (candidate_valid),
        .in_ready (candidate_ready),
        .result   (found_inner),
        .keep     (leaving != 0),
        .out_data (inner),
        .out_valid(inner_valid),
        .out_ready(inner_ready),
        .busy     (inner_busy)
    );

    // Inner windows: TRIPLET_LANES triplets per cycle.
    localparam int SLOT_INDEX_BITS = $clog2(SLOT_ROWS);
    localparam int TRIPLET_BLOCK_BITS = $clog2(TRIPLET_BLOCKS + 1);
    localparam int INNER_ADDRESS_BITS = $clog2(TRIPLET_BLOCK_ROWS);

    logic [TRIPLET_BLOCK_BITS-1:0] triplet_block, triplet_offset;
    logic [TRIPLET_LANES-1:0] inner_passes, inner_lanes;
    doublet_index_t [TRIPLET_LANES-1:0] outer_doublets;
    logic group_room;
    middle_pair_t late_middle, tested_middle;
    doublet_index_t late_first_doublet;
    slot_mask_t late_leaving;
    triplet_slot_t group_slot, tested_slot;
    group_t found_group, group;
    logic group_valid, group_ready;

    function automatic logic [TRIPLET_BLOCK_BITS-1:0] triplet_block_of(input triplet_slot_t at);
        return TRIPLET_BLOCK_BITS'(at >> $clog2(TRIPLET_LANES));
    endfunction

    assign triplet_block = triplet_block_of(inner.first_triplet) + triplet_offset;
    assign group_slot = TRIPLET_BITS'(triplet_block) * TRIPLET_BITS'(TRIPLET_LANES);
    assign inner_ready = group_room && triplet_block == triplet_block_of(inner.last_triplet - 1'b1);

    always_ff @(posedge clk) begin
        if (inner_valid && group_room) begin
            triplet_offset <= inner_ready ? '0 : triplet_offset + 1'b1;
        end
        if (rst) begin
            triplet_offset <= '0;
        end
    end

    logic [TRIPLET_LANES-1:0] in_range, late_in_range;

    delay_line #(
        .WIDTH ($bits(middle_pair_t) + DOUBLET_BITS + MAX_MODULE_DOUBLETS + TRIPLET_LANES),
        .CYCLES(2)
    ) beside_triplets (
        .clk    (clk),
        .in_row ({inner.middle, inner.first_doublet, inner.leaving, in_range}),
        .out_row({late_middle, late_first_doublet, late_leaving, late_in_range})
    );

    delay_line #(
        .WIDTH ($bits(middle_pair_t)),
        .CYCLES(TEST_LATENCY)
    ) beside_inner_tests (
        .clk    (clk),
        .in_row (late_middle),
        .out_row(tested_middle)
    );

    delay_line #(
        .WIDTH (TRIPLET_BITS),
        .CYCLES(TEST_LATENCY + 2)
    ) beside_group (
        .clk    (clk),
        .in_row (group_slot),
        .out_row(tested_slot)
    );

    for (genvar lane = 0; lane < TRIPLET_LANES; ++lane) begin : inner_test_of
        inner_triplet_t triplet;
        doublet_index_t outer_slot;
        logic followed;

        assign in_range[lane] =
            is_in(32'(group_slot) + lane, 32'(inner.first_triplet), 32'(inner.last_triplet));

        row_memory #(
            .ROWS (TRIPLET_BLOCK_ROWS),
            .WIDTH($bits(inner_triplet_t))
        ) triplets (
            .clk      (clk),
            .a_write  (load && (32'(slot) & TRIPLET_LANES - 1) == lane),
            .a_address(INNER_ADDRESS_BITS'(triplet_block_of(slot))),
            .a_row    ({DOUBLET_BITS'(triplets_data.outer_doublet), triplets_data.inner}),
            .a_read   (),
            .b_address(INNER_ADDRESS_BITS'(triplet_block)),
            .b_read   (triplet)
        );

        // Whether the outer doublet has a candidate from h2.
        assign outer_slot = triplet.outer_doublet - late_first_doublet;
        assign followed = triplet.outer_doublet >= late_first_doublet
            && 32'(outer_slot) < MAX_MODULE_DOUBLETS && late_leaving[SLOT_INDEX_BITS'(outer_slot)];

        delay_line #(
            .WIDTH (1 + DOUBLET_BITS),
            .CYCLES(TEST_LATENCY)
        ) beside_test (
            .clk    (clk),
            .in_row ({followed && late_in_range[lane], triplet.outer_doublet}),
            .out_row({inner_lanes[lane], outer_doublets[lane]})
        );

        doublet_test pair (
            .clk    (clk),
            .one    (late_middle.pair.one.at),
            .two    (late_middle.pair.two.at),
            .windows(triplet.windows),
            .passes (inner_passes[lane])
        );
    end

    assign found_group = '{
        middle: tested_middle,
        slot: tested_slot,
        lanes: inner_lanes & inner_passes,
        outer_doublet: outer_doublets
    };

    sieve_pipeline #(
        .LATENCY(TEST_LATENCY + 2),
        .WIDTH  ($bits(group_t)),
        .DEPTH  (DEPTH)
    ) groups (
        .clk      (clk),
        .rst      (rst),
        .in_valid (inner_valid),
        .in_ready (group_room),
        .result   (found_group),
        .keep     (found_group.lanes != 0),
        .out_data (group),
        .out_valid(group_valid),
        .out_ready(group_ready),
        .busy     (groups_busy)
    );

    // Survivors, one per cycle: the words of their outer doublet.
    localparam int TRIPLET_LANE_BITS = TRIPLET_LANES > 1 ? $clog2(TRIPLET_LANES) : 1;

    logic [TRIPLET_LANES-1:0] done_lanes, other_lanes;
    logic [TRIPLET_LANE_BITS-1:0] survivor;
    middle_pair_t survivor_middle;
    triplet_slot_t survivor_slot;
    word_index_t outer_first_word;
    block_index_t outer_first_block, outer_last_block;
    logic outer_room;
    outer_words_t found_outer, outer_words;
    logic outer_valid, outer_ready;

    lowest_bit #(
        .BITS(TRIPLET_LANES)
    ) next_survivor (
        .bits (group.lanes & ~done_lanes),
        .index(survivor),
        .rest (other_lanes)
    );

    assign group_ready = outer_room && other_lanes == 0;
    assign outer_address = group.outer_doublet[survivor];

    always_ff @(posedge clk) begin
        if (group_valid && outer_room) begin
            done_lanes <= group_ready ? '0 : ~other_lanes;
        end
        if (rst) begin
            done_lanes <= '0;
        end
    end

    delay_line #(
        .WIDTH ($bits(middle_pair_t) + TRIPLET_BITS),
        .CYCLES(2)
    ) beside_outer (
        .clk    (clk),
        .in_row ({group.middle, group.slot + TRIPLET_BITS'(survivor)}),
        .out_row({survivor_middle, survivor_slot})
    );

    assign outer_first_word = survivor_middle.next_word + outer_word_offset;
    assign outer_first_block = block_of(outer_first_hit);
    assign outer_last_block = block_of(outer_last_hit - 1'b1);
    assign found_outer = '{
        first_word: outer_first_word,
        last_word: outer_first_word + WORD_BITS'(outer_last_block - outer_first_block),
        outer: '{
            pair: survivor_middle.pair,
            slot: survivor_slot,
            shift: outer_first_block - BLOCK_BITS'(outer_first_word)
        }
    };

    sieve_pipeline #(
        .LATENCY(2),
        .WIDTH  ($bits(outer_words_t)),
        .DEPTH  (DEPTH)
    ) outer_ranges (
        .clk      (clk),
        .rst      (rst),
        .in_valid (group_valid),
        .in_ready (outer_room),
        .result   (found_outer),
        .keep     (1'b1),
        .out_data (outer_words),
        .out_valid(outer_valid),
        .out_ready(outer_ready),
        .busy     (outer_busy)
    );

    bitmap_address_t row_number;
    bitmap_row_t row;
    outer_pair_t row_outer;
    logic row_valid, row_ready;

    bitmap_rows #(
        .PAYLOAD_BITS($bits(outer_pair_t))
    ) rows (
        .clk             (clk),
        .rst             (rst),
        .range_first_word(outer_words.first_word),
        .range_last_word (outer_words.last_word),
        .range_payload   (outer_words.outer),
        .range_valid     (outer_valid),
        .range_ready     (outer_ready),
        .address         (accepted_address),
        .row             (accepted),
        .row_number      (row_number),
        .row_bits        (row),
        .row_payload     (row_outer),
        .row_valid       (row_valid),
        .row_ready       (row_ready),
        .busy            (rows_busy)
    );

    // Outer windows: the candidates of a word per cycle.
    localparam int PLACE_BITS = ROW_WORDS > 1 ? $clog2(ROW_WORDS) : 1;

    logic [ROW_WORDS-1:0] filled, done_words, other_words;
    logic [PLACE_BITS-1:0] place;
    word_index_t outer_word, tested_word;
    lane_mask_t candidates, tested_candidates, outer_passes;
    outer_windows_t outer_windows;
    hit_t tested_one, tested_two;
    word_index_t inner_word;
    lane_index_t inner_lane;
    logic tag_room;
    tag_t found_tag, next_tag;
    logic tag_valid, tag_ready;

    for (genvar n = 0; n < ROW_WORDS; ++n) begin : word
        assign filled[n] = row[n*LANES+:LANES] != 0;
    end

    lowest_bit #(
        .BITS(ROW_WORDS)
    ) next_word (
        .bits (filled & ~done_words),
        .index(place),
        .rest (other_words)
    );

    assign candidates = row[place*LANES+:LANES];
    assign outer_word = WORD_BITS'(row_number) * WORD_BITS'(ROW_WORDS) + WORD_BITS'(place);
    assign block_address = BLOCK_BITS'(outer_word) + row_outer.shift;
    assign row_ready = tag_room && other_words == 0;

    always_ff @(posedge clk) begin
        if (row_valid && tag_room) begin
            done_words <= row_ready ? '0 : ~other_words;
        end
        if (rst) begin
            done_words <= '0;
        end
    end

    localparam int OUTER_ADDRESS_BITS = $clog2(TRIPLET_ROWS);

    row_memory #(
        .ROWS (TRIPLET_ROWS),
        .WIDTH($bits(outer_windows_t))
    ) module_windows (
        .clk      (clk),
        .a_write  (load),
        .a_address(OUTER_ADDRESS_BITS'(slot)),
        .a_row    (triplets_data.outer),
        .a_read   (),
        .b_address(OUTER_ADDRESS_BITS'(row_outer.slot)),
        .b_read   (outer_windows)
    );

    delay_line #(
        .WIDTH (2 * $bits(hit_t)),
        .CYCLES(2)
    ) beside_block (
        .clk    (clk),
        .in_row ({row_outer.pair.one, row_outer.pair.two}),
        .out_row({tested_one, tested_two})
    );

    delay_line #(
        .WIDTH (2 * WORD_BITS + LANE_BITS + LANES),
        .CYCLES(TEST_LATENCY + 2)
    ) beside_outer_tests (
        .clk    (clk),
        .in_row ({row_outer.pair.word, row_outer.pair.lane, outer_word, candidates}),
        .out_row({inner_word, inner_lane, tested_word, tested_candidates})
    );

    for (genvar lane = 0; lane < LANES; ++lane) begin : outer_test_of
        outer_test triple (
            .clk     (clk),
            .physical(physical),
            .one     (tested_one),
            .two     (tested_two),
            .three   (block[lane]),
            .windows (outer_windows),
            .passes  (outer_passes[lane])
        );
    end

    assign found_tag = '{
        inner_word: inner_word,
        inner_lane: inner_lane,
        outer_word: tested_word,
        outer_lanes: outer_passes & tested_candidates
    };

    sieve_pipeline #(
        .LATENCY(TEST_LATENCY + 2),
        .WIDTH  ($bits(tag_t))
    ) tags (
        .clk      (clk),
        .rst      (rst),
        .in_valid (row_valid),
        .in_ready (tag_room),
        .result   (found_tag),
        .keep     (found_tag.outer_lanes != 0),
        .out_data (next_tag),
        .out_valid(tag_valid),
        .out_ready(tag_ready),
        .busy     (tags_busy)
    );

    // Tags: the word of the first pair, then that of the second; each is read, then written.
    typedef enum logic [1:0] {READ, WAIT, WRITE} access_t;

    access_t access;
    logic second;
    word_index_t tags_word;
    lane_mask_t lanes;
    bitmap_row_t bits;

    assign tagging = tag_valid;
    assign tags_word = second ? next_tag.outer_word : next_tag.inner_word;
    assign lanes = second ? next_tag.outer_lanes : lane_mask_t'(1) << next_tag.inner_lane;
    assign tags_address = row_of(tags_word);
    assign bits = bitmap_row_t'(lanes) << place_of(tags_word);
    assign new_tags = old_tags | bits;
    assign tags_write = access == WRITE;
    assign tag_ready = tags_write && second;

    always_ff @(posedge clk) begin
        unique case (access)
            READ: access <= tag_valid ? WAIT : READ;
            WAIT: access <= WRITE;
            default: begin
                access <= READ;
                second <= !second;
                n_edges <= n_edges + CANDIDATE_COUNT_BITS'($countones(bits & ~old_tags));
            end
        endcase
        if (start) begin
            n_edges <= '0;
        end
        if (rst) begin
            access <= READ;
            second <= 1'b0;
        end
    end
endmodule
